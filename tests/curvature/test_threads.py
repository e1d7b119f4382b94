"""Spectra do not depend on how many threads linear algebra may take."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
from scipy.sparse.linalg import aslinearoperator
from threadpoolctl import threadpool_info, threadpool_limits

from benchmark.curvature import OneThread, exact_eigenvalues
from benchmark.curvature.lanczos import lanczos


def blas_threads() -> set[int]:
    return {
        library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"
    }


def test_spectra_are_bitwise_the_same_for_any_number_of_threads():
    half = np.random.default_rng(0).standard_normal((900, 900))
    operator = aslinearoperator(half + half.T)
    spectra = []
    for threads in (1, 2, 4):
        with threadpool_limits(threads, user_api="blas"):
            ends = lanczos(operator, 20).ritz_values
            spectra.append((exact_eigenvalues(operator).eigenvalues.tobytes(), ends.tobytes()))
    assert spectra[0] == spectra[1] == spectra[2]


def test_the_number_is_restored_when_the_last_of_several_has_left():
    with threadpool_limits(2, user_api="blas"):
        together, first_left = Barrier(2), Barrier(2)

        def leave_first() -> None:
            with OneThread():
                together.wait()
            first_left.wait()

        def leave_last() -> set[int]:
            with OneThread():
                together.wait()
                first_left.wait()
                return blas_threads()

        with ThreadPoolExecutor(2) as pool:
            pool.submit(leave_first)
            assert pool.submit(leave_last).result() == {1}
        assert blas_threads() == {2}
