"""More trials on a run that is finished: exactly as if they had been asked for from the start."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from benchmark.engine import EngineChoice
from benchmark.engine.outcomes import Outcomes
from benchmark.engine.replay import ReplayingEngine
from benchmark.errors import UserError
from benchmark.results import (
    is_extending,
    is_finished,
    load_weights,
    read_environment,
    read_records,
    study_edits,
)
from benchmark.results.weights import weights_file
from benchmark.search import SearchError
from benchmark.search.storage import forget_search
from benchmark.session.extension import extended_study, train_missing_weights
from benchmark.session.finishing import Products
from benchmark.session.session import Session
from benchmark.study.loading import study_of_run
from benchmark.trial import Trial
from tests.small_study import SEQUENTIAL, engine, open_session, session_settings, tables_of

FEW, MANY = 4, 8
THREE_AT_ONCE = EngineChoice("vectorized", 3)
PLAIN = ("budget.pruner=none", "curvature.trials=none", "curvature.monitor=false")
PRUNED = ("budget.warmup_epochs=0", "curvature.trials=none", "curvature.monitor=false")
RANDOM = (*PLAIN, "budget.sampler=random")


@pytest.fixture(scope="module", autouse=True)
def _no_report() -> Iterator[None]:
    """Save the seconds that reports and models take, which are made of the tables alone."""

    def make_products(path: Path, *_: object) -> Products:
        (path / "report.html").touch()
        return Products(path / "report.html", (), (path / "report.html",))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("benchmark.session.session.make_products", make_products)
        yield


def run(session: Session, stop_requested: Callable[[], bool] = lambda: False) -> Path:
    """Train, with the one sequential engine of all tests where that is the session's."""
    shared = ReplayingEngine(engine(), Outcomes(session._known))
    is_sequential = session.engine.name == "sequential"
    return session.run([], stop_requested, shared if is_sequential else None).path


def started(folder: Path, trials: int, *changes: str, choice: EngineChoice = SEQUENTIAL) -> Path:
    return run(open_session(folder, f"budget.trials={trials}", *changes, engine=choice))


def resumed(path: Path, text: str | None = None) -> Session:
    return Session.resume(path, session_settings(path.parent.parent.parent), text)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, _no_report: None) -> Path:
    """A random search that was started with all trials."""
    return started(tmp_path_factory.mktemp("whole"), MANY, *RANDOM)


def assert_same_run(path: Path, expected: Path) -> None:
    tables, wanted = tables_of(path), tables_of(expected)
    for name, table in wanted.items():
        pd.testing.assert_frame_equal(tables[name], table, check_exact=True, obj=name)
    summary, as_expected = (json.loads((p / "summary.json").read_text()) for p in (path, expected))
    for clocked in ("seconds", "run", "monitoring", "diagnosis"):
        summary.pop(clocked, None), as_expected.pop(clocked, None)
    assert summary == as_expected
    order, wanted_order = ([r.trial.number for r, _ in read_records(p)] for p in (path, expected))
    assert order == wanted_order
    for best in summary["best"].values():
        weights, wanted_weights = (load_weights(p, best["trial"]) for p in (path, expected))
        assert all((a == b).all() for a, b in zip(weights, wanted_weights, strict=True))
    assert (path / "study.toml").read_text() == (expected / "study.toml").read_text()
    assert is_finished(path) and not study_edits(path) and not is_extending(path)


@pytest.mark.parametrize(
    ("choice", "changes"),
    [
        pytest.param(SEQUENTIAL, PLAIN, id="tpe"),
        # Three at a time, stopped at other instants: what the sampler and the pruner know when a
        # trial is proposed is as from the start.
        pytest.param(THREE_AT_ONCE, PRUNED, id="tpe-median-vectorized"),
    ],
)
def test_a_run_that_is_extended_equals_one_that_was_started_with_all_trials(
    tmp_path: Path, choice: EngineChoice, changes: tuple[str, ...]
) -> None:
    path = started(tmp_path / "extended", FEW, *changes, choice=choice)
    assert len(list(read_records(path))) == 2 * (FEW + 2)
    identity = read_environment(path)["identity"]
    expected = started(tmp_path / "whole", MANY, *changes, choice=choice)
    assert_same_run(run(resumed(path, extended_study(path, MANY, None))), expected)
    environment = read_environment(path)
    assert environment["earlier"][0]["trials"] == FEW
    assert environment["identity"] != identity  # a run of its own in MLflow


def test_what_is_known_is_not_trained_again(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = started(tmp_path, FEW, *RANDOM)
    session = resumed(path, extended_study(path, None, MANY - FEW))
    assert "12 trials of the smaller budget are not trained again" in session.plan
    begun: list[Trial] = []
    start = engine().start

    def noted_start(trial: Trial) -> None:
        begun.append(trial)
        start(trial)

    monkeypatch.setattr(engine(), "start", noted_start)
    run(session)
    assert_same_run(path, whole)
    new = set(range(2 * FEW, 2 * MANY))
    assert {trial.number for trial in begun if trial.phase == "search"} == new
    # Replicates are trained where the best setting changed, and only then.
    best = json.loads((path / "summary.json").read_text())["best"]
    changed = {label for label in best if best[label]["trial"] in new}
    assert {trial.label for trial in begun if trial.phase == "replicate"} == changed


def test_a_kill_while_the_run_is_set_aside_is_completed_by_resuming(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = started(tmp_path, FEW, *RANDOM)
    text = extended_study(path, MANY, None)
    with monkeypatch.context() as patch:

        def die(*_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr("benchmark.results.extension.write_text", die)
        with pytest.raises(KeyboardInterrupt):
            resumed(path, text)
    assert is_extending(path)
    with pytest.raises(UserError, match="with --resume alone"):
        extended_study(path, 2 * MANY, None)
    asked = iter([False] * 9)
    run(resumed(path), lambda: next(asked, True))
    assert not is_finished(path)
    assert study_of_run(path).budget.trials == MANY
    run(resumed(path))
    tables, wanted = tables_of(path), tables_of(whole)
    pd.testing.assert_frame_equal(tables["trials"], wanted["trials"], check_exact=True)


def test_a_search_in_a_database_begins_again_too(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'search.db'}"
    path = run(open_session(tmp_path, *RANDOM, "budget.trials=1", storage=url))
    run(resumed(path, extended_study(path, 2, None)))
    assert len(pd.read_parquet(path / "trials.parquet")) == 2 * (2 + 2)
    with pytest.raises(SearchError):
        forget_search("sqlite:////nowhere/search.db", ["x"])


def test_fewer_trials_are_refused(tmp_path: Path) -> None:
    path = started(tmp_path, 1, *PLAIN, "budget.replicates=0", "training.epochs=1")
    assert extended_study(path, 1, None) is None
    assert extended_study(path, None, None) is None
    assert "trials = 4" in (extended_study(path, None, 3) or "")
    with pytest.raises(UserError, match=r"it has 1 for each optimizer. Received --trials 0 for"):
        extended_study(path, 0, None)


def test_weights_that_were_not_kept_are_trained_again(tmp_path: Path) -> None:
    path = started(tmp_path, 1, *RANDOM, "budget.replicates=0")
    (result,) = (r for r, _ in read_records(path) if r.trial.label == "adam")
    weights = load_weights(path, result.trial.number)
    weights_file(path, result.trial.number).unlink()
    train_missing_weights(path, [result], engine())
    again = load_weights(path, result.trial.number)
    assert all((a == b).all() for a, b in zip(weights, again, strict=True))
