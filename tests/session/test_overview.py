"""What MLflow shows of a run, against the tables of the run."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from benchmark.results import read_run
from benchmark.session.overview import run_overview, tracked_study
from benchmark.session.resolution import search_settings
from benchmark.study.loading import parse_study
from tests.report.conftest import EPOCHS, RunKind, write_closed_form_run, write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two optimizers whose replicates are diagnosed."""
    return write_run(tmp_path_factory.mktemp("results"), RunKind(trials=3, replicates=3))


def test_an_optimizer_shows_the_spread_of_its_replicates(run: Path) -> None:
    tables, overview = read_run(run), run_overview(run)
    repeated = tables.trials[tables.trials["phase"] == "replicate"]
    for label, reached in overview.optimizers.items():
        numbers = repeated[repeated["label"] == label]["number"]
        points = {(point.key, point.step): point.value for point in reached.points}
        assert len(points) == len(reached.points)
        for table, quantity, name, epoch in (
            (tables.curves, "validation_loss", "validation_loss", EPOCHS),
            (tables.curvature, "lambda_max", "curvature/lambda_max", 8),
        ):
            rows = table[(table["epoch"] == epoch) & table["trial"].isin(numbers)]
            values = rows[rows[table.columns[-2]] == quantity]["value"].to_numpy()
            assert len(values) == 3
            ends = [points[f"{name}/{end}", epoch] for end in ("mean", "low", "high")]
            assert ends == pytest.approx([values.mean(), values.min(), values.max()])
        is_searched = (tables.trials["label"] == label) & (tables.trials["phase"] == "search")
        best = tables.trials[is_searched].sort_values("objective").iloc[0]
        assert float(reached.params["learning_rate"]) == pytest.approx(
            best["hp.learning_rate"], rel=1e-5
        )


def test_the_run_of_the_study_has_what_studies_are_compared_by(run: Path) -> None:
    tables, overview = read_run(run), run_overview(run)
    points = {point.key: point.value for point in overview.points}
    for label in ("momentum", "adam"):
        is_replicate = (tables.trials["label"] == label) & (tables.trials["phase"] == "replicate")
        losses = tables.trials[is_replicate]["metric.test_loss"].to_numpy()
        half = stats.sem(losses) * stats.t.ppf(0.975, 2)
        ends = [
            points[f"test_loss_{end}/{label}"] for end in ("mean", "interval_low", "interval_high")
        ]
        mean = float(np.mean(losses))
        assert ends == pytest.approx([mean, mean - half, mean + half])
        assert points[f"lambda_max/{label}"] > 0
        assert points[f"condition_number_lower_bound/{label}"] > 1
    assert overview.description.startswith("On wine, which trains the better softmax model")
    assert "| optimizer | best validation loss | mean test loss | 95 % interval |" in (
        overview.description
    )
    assert "\n- Only 3 replicates of the best settings" in overview.description


def test_without_replicates_the_best_trial_is_shown(tmp_path: Path) -> None:
    run = write_run(tmp_path, RunKind(labels=("adam",), trials=3, replicates=0))
    (adam,) = run_overview(run).optimizers.values()
    names = {point.key for point in adam.points}
    assert {"validation_loss/mean", "curvature/probe/lambda_max/mean"} <= names
    assert "the best trial itself" in adam.description


def test_the_pages_of_a_closed_form_follow_its_only_loss(tmp_path: Path) -> None:
    run = write_closed_form_run(tmp_path)
    text = (run / "study.toml").read_text(encoding="utf-8")
    study = parse_study(text, "study.toml", "quadratic")
    tracked = tracked_study(study, search_settings(study))
    assert tracked.metrics == ("train_loss",)
    assert tracked.searched == {"sgd": ("learning_rate",)}
    assert tracked.params["problem.condition_number"] == "100.0"
    assert "model" not in tracked.params
    assert run_overview(run).optimizers["sgd"].points
