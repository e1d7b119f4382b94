"""Trace, Frobenius norm and effective rank of a large symmetric operator, with their errors."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from benchmark.curvature.operators import Array, SymmetricOperator, multiply
from benchmark.curvature.threads import OneThread


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimate and its standard error.

    Args:
        value: the estimate.
        standard_error: of the estimate; 0 if nothing in it is random.
        degrees: of freedom of the standard error, one less than the samples.
    """

    value: float
    standard_error: float
    degrees: int

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Return an interval that holds the true value with about that probability (Student's t).

        Args:
            confidence: within (0, 1).

        Example:
            >>> Estimate(10.0, 1.0, 4).interval()
            (7.2235..., 12.7764...)
        """
        if self.standard_error == 0:
            return self.value, self.value
        reach = t_quantile(confidence, self.degrees) * self.standard_error
        return self.value - reach, self.value + reach


def mean_estimate(samples: Array, offset: float = 0.0) -> Estimate:
    """Return the mean of independent samples, with the standard error s/√m.

    Args:
        samples: m ≥ 2 of them.
        offset: a known number to add.

    Example:
        >>> mean_estimate(np.array([1.0, 2.0, 3.0]), offset=10.0)
        Estimate(value=12.0, standard_error=0.577..., degrees=2)
    """
    count = samples.size
    error = float(samples.std(ddof=1)) / np.sqrt(count)
    return Estimate(offset + float(samples.mean()), float(error), count - 1)


def jackknife_estimate(value: float, leave_one_out: Array) -> Estimate:
    """Return a smooth function of means, with the standard error of the jackknife.

    Args:
        value: its value for all m samples.
        leave_one_out: its values without each sample in turn, shape (m,).

    References:
        Efron and Stein, The jackknife estimate of variance, 1981.
    """
    count = leave_one_out.size
    spread = float(np.sum(np.square(leave_one_out - leave_one_out.mean())))
    return Estimate(value, float(np.sqrt((count - 1) / count * spread)), count - 1)


def t_quantile(confidence: float, degrees: int) -> float:
    """Return how many standard errors an interval reaches to either side.

    Args:
        confidence: within (0, 1).
        degrees: of freedom, ≥ 1.

    Raises:
        ValueError: the confidence is out of range.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be within (0, 1). Received {confidence}.")
    return float(stats.t.ppf((1 + confidence) / 2, degrees))


Method = Literal["hutch++", "hutchinson"]
VECTORS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Moments:
    """Sums over the n eigenvalues of an operator.

    Args:
        trace: Σ λᵢ.
        square: Σ λᵢ² = ‖H‖_F².
        frobenius_norm: its square root.
        effective_rank: (Σ λᵢ)² / Σ λᵢ², the number of equal eigenvalues with these sums. It is
            between 1 and the rank if no eigenvalue is negative (a Gauss-Newton matrix). For other
            matrices take ``SpectralDensity.effective_rank``, which counts magnitudes.
        products: products made.
    """

    trace: Estimate
    square: Estimate
    frobenius_norm: Estimate
    effective_rank: Estimate
    products: int


@OneThread()
def estimate_moments(
    operator: SymmetricOperator,
    products: int = 60,
    *,
    method: Method = "hutch++",
    seed: int = 0,
) -> Moments:
    """Estimate trace, Frobenius norm and effective rank from products with random vectors.

    With random signs z (mean 0, variance 1, independent) Hutchinson's estimators are unbiased:

        tr H = E zᵀHz,    ‖H‖_F² = E ‖Hz‖²

    Hutch++ spends a third of the products on an orthonormal basis Q of H S for random signs S,
    which catches the large eigenvalues, and a third on H Q. Only the last third is random:

        tr H    = tr QᵀHQ + E zᵀPHPz,    P = I − QQᵀ
        ‖H‖_F²  = ‖HQ‖_F² + E ‖HPz‖²

    Only the last third has a standard error, so the result is exact if H has rank ≤ products/3.

    Args:
        operator: n × n, symmetric.
        products: how many to make; at least 6, or 2 for ``"hutchinson"``. The relative error of
            Hutchinson's method falls like 1/√products, that of Hutch++ on a positive
            semidefinite matrix like 1/products.
        method: ``"hutch++"`` or ``"hutchinson"``. Hutchinson's method needs memory for a few
            vectors, Hutch++ for twice ``products / 3`` vectors.
        seed: of the random signs, ≥ 0.

    Raises:
        ValueError: too few products, or an unknown method.
        FloatingPointError: a product is not finite.

    Example:
        >>> from scipy.sparse.linalg import aslinearoperator
        >>> matrix = aslinearoperator(np.diag([5.0, 4.0, 3.0] + [0.0] * 97))
        >>> moments = estimate_moments(matrix, 15)
        >>> round(moments.trace.value, 9), round(moments.effective_rank.value, 9)
        (12.0, 2.88)

    References:
        Hutchinson, A stochastic estimator of the trace of the influence matrix, 1989; Meyer,
        Musco, Musco and Woodruff, Hutch++: optimal stochastic trace estimation, 2021, alg. 1;
        Bartlett et al., Benign overfitting in linear regression, 2020, def. 3 (R₀).
    """
    least = {"hutch++": 6, "hutchinson": 2}.get(method)
    if least is None:
        raise ValueError(f"method must be 'hutch++' or 'hutchinson'. Received {method!r}.")
    if products < least:
        raise ValueError(
            f"products must be ≥ {least} for {method}. Received {products} in estimate_moments."
        )
    size = operator.shape[0]
    generator = np.random.default_rng(seed)
    basis, image = np.empty((size, 0)), np.empty((size, 0))
    count, spent = products, products
    if method == "hutch++":
        columns = min(products // 3, size)
        sketch = multiply(operator, _signs(generator, size, columns))
        basis, _ = np.linalg.qr(sketch)
        image = multiply(operator, basis)
        count = products - 2 * (products // 3)
        spent = 2 * columns + count
    bends, lengths = _samples(operator, basis, count, generator)
    return _moments(float(np.sum(basis * image)) + bends, float(np.sum(image**2)) + lengths, spent)


def effective_rank(eigenvalues: Array) -> float:
    """Return (Σ |λ|)² / Σ λ² of a known spectrum; 0 if all eigenvalues are zero.

    Args:
        eigenvalues: all eigenvalues.

    Example:
        >>> effective_rank(np.array([3.0, -3.0, 0.0]))
        2.0
    """
    sizes = np.abs(np.asarray(eigenvalues, np.float64))
    square = float(np.sum(sizes**2))
    return float(sizes.sum()) ** 2 / square if square > 0 else 0.0


def _samples(
    operator: SymmetricOperator, basis: Array, count: int, generator: np.random.Generator
) -> tuple[Array, Array]:
    """Return zᵀPHPz and ‖HPz‖² for random vectors z."""
    bends, lengths = np.empty(count), np.empty(count)
    for first in range(0, count, VECTORS_AT_ONCE):
        chosen = slice(first, min(first + VECTORS_AT_ONCE, count))
        vectors = _signs(generator, operator.shape[0], chosen.stop - first)
        for _ in range(2 if basis.shape[1] else 0):
            vectors -= basis @ (basis.T @ vectors)
        product = multiply(operator, vectors)
        bends[chosen] = np.sum(vectors * product, axis=0)
        lengths[chosen] = np.sum(product**2, axis=0)
    return bends, lengths


def _signs(generator: np.random.Generator, size: int, columns: int) -> Array:
    drawn = generator.integers(0, 2, (columns, size)).T
    return np.asarray(2.0 * drawn - 1.0, np.float64)


def _moments(traces: Array, squares: Array, products: int) -> Moments:
    """Make every quantity from independent estimates of the two sums."""
    count = traces.size
    means = traces.mean(), squares.mean()
    leave_one_out = [(sums.sum() - sums) / (count - 1) for sums in (traces, squares)]
    return Moments(
        trace=mean_estimate(traces),
        square=mean_estimate(squares),
        frobenius_norm=jackknife_estimate(float(np.sqrt(means[1])), np.sqrt(leave_one_out[1])),
        effective_rank=jackknife_estimate(_ratio(*means), _ratios(*leave_one_out)),
        products=products,
    )


def _ratio(trace: float, square: float) -> float:
    return float(trace**2 / square) if square > 0 else 0.0


def _ratios(traces: Array, squares: Array) -> Array:
    return np.divide(traces**2, squares, out=np.zeros_like(traces), where=squares > 0)
