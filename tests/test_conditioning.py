"""The shipped study of rates, run as a user would."""

import pytest
from typer.testing import CliRunner

from benchmark.report.rates import rates
from benchmark.report.run_data import RunData
from benchmark.run import app

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("engine", ["vectorized", "sequential"])
def test_measured_contractions_are_within_one_per_cent_of_theory(tmp_path, engine):
    words = ["study", "conditioning", "--no-tracking", "--results", str(tmp_path)]
    result = CliRunner().invoke(app, [*words, "--run-name", "run", "--engine", engine])
    assert result.exit_code == 0, result.output
    measured = rates(RunData.read(tmp_path / "conditioning" / "run"))
    assert len(measured) == 24
    for rate in measured:
        assert abs(rate.deviation) < 0.01, rate
