"""The package is imported by the CLI before it is known whether a table is needed."""

import subprocess
import sys

import pytest

import benchmark.results


def test_importing_the_package_imports_no_pandas() -> None:
    code = "import sys, benchmark.results; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_public_name_is_there() -> None:
    for name in benchmark.results.__all__:
        assert getattr(benchmark.results, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        _ = benchmark.results.absent
