"""A whole run: repeatable, resumable, and the same on any storage."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from benchmark.engine import EngineChoice
from benchmark.errors import UserError
from benchmark.results import EditedStudyError, load_weights, read_records
from benchmark.results.records import encode
from benchmark.search import SearchError
from benchmark.session.session import Session
from benchmark.study.catalogue import catalogue
from benchmark.study.loading import StudyError, changed_study
from benchmark.trial import Status
from tests import small_study
from tests.small_study import (
    TRIALS,
    engine,
    open_session,
    run_session,
    session_settings,
    tables_of,
    write_study,
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """The folder of a run that went to its end without interruption."""
    return run_session(tmp_path_factory.mktemp("finished")).path


def test_a_keras_optimizer_is_compared_resumed_and_reported(tmp_path, monkeypatch):
    text = small_study.TEXT.replace('"adam"]', '"keras:Adam"]')
    text = text.replace("[search.adam]", '[search."keras:Adam"]\namsgrad = true')
    monkeypatch.setattr(small_study, "TEXT", text)
    changes = ("budget.trials=3", "budget.replicates=1", 'curvature.trials="none"')
    whole = run_session(tmp_path / "whole", *changes)
    session = open_session(tmp_path / "parts", *changes)
    asked = iter([False] * 8)
    part = session.run([], lambda: next(asked, True), engine())
    assert not part.finished
    settings = session_settings(tmp_path / "parts")
    resumed = Session.resume(part.path, settings).run([], lambda: False, engine())
    assert_same_tables(whole.path, resumed.path)
    trials = tables_of(resumed.path)["trials"]
    label_trials = trials[trials["label"] == "keras:Adam"]
    assert len(label_trials) == 3 + 1
    assert set(label_trials["option.amsgrad"]) == {"true"}
    assert set(label_trials["status"]) <= {"completed", "pruned"}
    assert "keras:Adam" in (resumed.path / "report.html").read_text(encoding="utf-8")
    best = resumed.summary["best"]["keras:Adam"]["trial"]
    assert len(load_weights(resumed.path, best)) == 2


def assert_same_tables(expected_path: Path, path: Path) -> None:
    expected, tables = tables_of(expected_path), tables_of(path)
    for name, table in expected.items():
        pd.testing.assert_frame_equal(tables[name], table, check_exact=True, obj=name)


def test_a_finished_run_has_every_file_and_trial(finished):
    names = {path.name for path in finished.iterdir()}
    assert names >= {
        "study.toml",
        "environment.json",
        "trials.parquet",
        "curves.parquet",
        "curvature.parquet",
        "spectra.parquet",
        "findings.parquet",
        "optuna.journal",
        "summary.json",
        "report.html",
        "figures",
        "best",
        "finished.json",
    }
    trials = pd.read_parquet(finished / "trials.parquet")
    assert trials["number"].tolist() == list(range(TRIALS))
    assert set(trials["phase"]) == {"search", "replicate"}
    searched = {"learning_rate", "momentum", "batch_size", "global_clipnorm", "fuzz"}
    assert {f"hp.{name}" for name in searched} <= set(trials.columns)
    summary = json.loads((finished / "summary.json").read_text())
    assert summary["finished"] and summary["trials"] == TRIALS
    assert set(summary["seconds"]) >= {"compile", "train", "evaluate", "curvature", "search", "log"}


def test_replicates_train_the_best_setting_from_weights_of_their_own(finished):
    trials = pd.read_parquet(finished / "trials.parquet")
    for label, group in trials.groupby("label"):
        search = group[(group["phase"] == "search") & (group["status"] == "completed")]
        best = search.sort_values(["objective", "number"]).iloc[0]
        replicates = group[group["phase"] == "replicate"]
        assert replicates["replicate"].tolist() == [1, 2], label
        assert (replicates["hp.learning_rate"] == best["hp.learning_rate"]).all()
        assert replicates["objective"].nunique() == 2
        assert len(load_weights(finished, best["number"])) == 2
        names = {path.name for path in (finished / "weights").iterdir()}
        assert f"trial-{best['number']:06d}.npz" in names
        assert len(names) == 2


def test_the_same_study_and_seed_gives_the_same_tables(finished, tmp_path):
    again = run_session(tmp_path)
    assert_same_tables(finished, again.path)


def test_another_seed_gives_other_tables(finished, tmp_path):
    outcome = run_session(tmp_path, "seed=6", "budget.trials=1", "budget.replicates=0")
    first_trials, second_trials = tables_of(finished)["trials"], tables_of(outcome.path)["trials"]
    assert first_trials["objective"].iloc[0] != second_trials["objective"].iloc[0]


@pytest.mark.parametrize("stop_after", [1, 13])
def test_an_interrupted_run_resumed_equals_an_uninterrupted_one(finished, tmp_path, stop_after):
    session = open_session(tmp_path)
    path = session.path
    outcome = session.run([], lambda: len(list(read_records(path))) >= stop_after, engine())
    assert not outcome.finished and outcome.report is None
    assert len(list(read_records(path))) == stop_after
    resumed = Session.resume(path, session_settings(tmp_path))
    assert len(resumed.finished) == stop_after
    assert resumed.run([], lambda: False, engine()).finished
    assert_same_tables(finished, path)


# What the sampler or a pruner decides by the trials that ended before; see Search.
HISTORY = ('budget.pruner="none"', 'budget.sampler="random"')


@pytest.mark.parametrize(("capacity", "changes"), [(1, ()), (5, HISTORY)])
def test_the_vectorized_engine_gives_the_same_tables_but_for_rounding(
    finished, tmp_path, capacity, changes
):
    expected = tables_of(run_session(tmp_path / "one", *changes).path if changes else finished)
    session = open_session(
        tmp_path / "other", *changes, engine=EngineChoice("vectorized", capacity)
    )
    outcome = session.run([], lambda: False)
    assert outcome.finished
    facts = json.loads((outcome.path / "environment.json").read_text())
    assert (facts["engine"], facts["capacity"]) == ("vectorized", capacity)
    vectorized = tables_of(outcome.path)
    for tables in (expected, vectorized):
        # κ ≥ 1e14 of a singular Hessian: λ_max over an eigenvalue that is all rounding.
        is_bounded = tables["curvature"]["value"] < 1e12
        tables["curvature"] = tables["curvature"][is_bounded]
    # What follows curvature makes products in float32: see tests/engine/test_tracking.py.
    for tables in (expected, vectorized):
        is_followed = tables["curvature"]["quantity"].str.startswith("probe_")
        tables["followed"] = tables["curvature"][is_followed]
        tables["curvature"] = tables["curvature"][~is_followed]
    followed = vectorized.pop("followed"), expected.pop("followed")
    # A residual of 1e-5 is rounding, as below.
    pd.testing.assert_frame_equal(followed[0], followed[1], rtol=1e-3, atol=1e-5, obj="followed")
    for name, table in vectorized.items():
        # Roundings of float32 over three epochs; eigenvalues at weights that differ by them.
        pd.testing.assert_frame_equal(table, expected[name], rtol=1e-4, atol=1e-5, obj=name)
    summary = json.loads((outcome.path / "summary.json").read_text())
    assert set(summary["seconds"]) >= {"compile", "train", "evaluate", "curvature", "search", "log"}


def test_a_resumed_run_keeps_its_engine_and_capacity(tmp_path):
    choice = EngineChoice("vectorized", 3)
    session = open_session(tmp_path, *HISTORY, engine=choice)
    path = session.path
    assert not session.run([], lambda: bool(list(read_records(path)))).finished
    resumed = Session.resume(path, session_settings(tmp_path))
    assert resumed.engine == choice
    assert resumed.run([], lambda: False).finished
    again = open_session(tmp_path / "again", *HISTORY, engine=choice)
    outcome = again.run([], lambda: False)
    assert_same_tables(outcome.path, path)


def test_a_sqlite_storage_gives_the_same_tables_and_is_found_on_resume(finished, tmp_path):
    storage = f"sqlite:///{tmp_path / 'optuna.db'}"
    session = open_session(tmp_path, storage=storage)
    path = session.path
    assert not session.run([], lambda: len(list(read_records(path))) >= 3, engine()).finished
    # The address stands in the run folder, so that resuming needs no --storage.
    assert (
        Session.resume(path, session_settings(tmp_path)).run([], lambda: False, engine()).finished
    )
    assert not (path / "optuna.journal").exists()
    assert_same_tables(finished, path)


def test_a_finished_run_resumed_trains_nothing(finished):
    before = tables_of(finished)
    session = Session.resume(finished, session_settings(finished.parents[2]))
    outcome = session.run([], lambda: False, engine())
    assert outcome.finished and outcome.summary["trials"] == TRIALS
    pd.testing.assert_frame_equal(tables_of(finished)["trials"], before["trials"])


def test_a_storage_that_cannot_be_reached_is_a_sentence(tmp_path):
    with pytest.raises(SearchError, match="storage must be reachable") as caught:
        open_session(tmp_path, storage=f"sqlite:///{tmp_path}/no/such/folder/optuna.db")
    # There is no run to go on with.
    assert "--resume" not in str(caught.value)
    assert "start the study again" in str(caught.value)


def test_a_run_that_is_removed_while_it_trains_is_told(tmp_path):
    session = open_session(tmp_path)

    def remove() -> bool:
        shutil.rmtree(session.path, ignore_errors=True)
        return False

    with pytest.raises(SearchError, match="The run folder is gone, and with it the run") as caught:
        session.run([], remove, engine())
    assert "--resume" not in str(caught.value)


def test_the_password_of_a_storage_does_not_reach_the_disk(tmp_path):
    with pytest.raises(SearchError) as caught:
        open_session(tmp_path, storage="postgresql://ada:secret@127.0.0.1:1/studies")
    assert "secret" not in str(caught.value)
    for file in tmp_path.rglob("*"):
        assert file.is_dir() or b"secret" not in file.read_bytes()


def test_an_option_out_of_range_is_refused_before_a_run_is_made(tmp_path):
    changes = [
        'problem={function="quadratic",options={condition_number=0.5}}',
        "search={}",
        'compare=["sgd"]',
    ]
    with pytest.raises(StudyError, match="condition_number"):
        open_session(tmp_path, *changes)
    assert not list((tmp_path / "results").glob("*/*"))


def test_a_copied_run_folder_can_be_resumed(finished, tmp_path):
    session = open_session(tmp_path)
    path = session.path
    assert not session.run([], lambda: len(list(read_records(path))) >= 3, engine()).finished
    copy = tmp_path / "elsewhere" / "small" / "copy"
    shutil.copytree(path, copy)
    outcome = Session.resume(copy, session_settings(tmp_path)).run([], lambda: False, engine())
    assert outcome.finished
    assert_same_tables(finished, copy)


@pytest.mark.parametrize("share", ["some", "all"])
def test_trials_whose_records_were_deleted_are_trained_again(finished, tmp_path, share):
    copy = Path(shutil.copytree(finished, tmp_path / "results" / "small" / "copy"))
    records = list(read_records(copy))
    lost = {result.trial.number for result, _ in records}
    if share == "some":  # a best one, the pruned ones and a replicate
        best = json.loads((copy / "summary.json").read_text())["best"]["adam"]["trial"]
        pruned = {r.trial.number for r, _ in records if r.status is Status.PRUNED}
        assert pruned
        lost = {best, *pruned, TRIALS - 1}
    remaining = [record for record in records if record[0].trial.number not in lost]
    (copy / "records.jsonl").write_bytes(b"".join(encode(*record) for record in remaining))
    sentences: list[str] = []
    settings = replace(session_settings(tmp_path), notify=sentences.append)
    session = Session.resume(copy, settings)
    assert len(session.finished) == TRIALS - len(lost)
    outcome = session.run([], lambda: False, engine())
    assert outcome.finished
    assert_same_tables(finished, copy)
    searched = ", ".join(str(number) for number in sorted(lost) if number < 12)
    assert f"Trained again, because their records are gone: trials {searched}." in sentences


def test_an_edited_study_is_not_resumed(tmp_path):
    session = open_session(tmp_path)
    path = session.path
    session.run([], lambda: bool(list(read_records(path))), engine())
    text = (path / "study.toml").read_text(encoding="utf-8")
    before = (path / "records.jsonl").read_bytes()
    (path / "study.toml").write_text(text.replace('"iris"', '"wine"'), encoding="utf-8")
    with pytest.raises(EditedStudyError) as caught:
        Session.resume(path, session_settings(tmp_path))
    lines = str(caught.value).splitlines()
    assert '-dataset = "iris"' in lines
    assert '+dataset = "wine"' in lines
    assert "begin a new run" in lines[-1]
    assert (path / "records.jsonl").read_bytes() == before
    # Another editor's line ends change nothing; nor can an edit be told without the record.
    (path / "study.toml").write_bytes(text.replace("\n", "\r\n").encode())
    Session.resume(path, session_settings(tmp_path))._writer.close()
    facts = json.loads((path / "environment.json").read_text())
    # Who replaces a word in all files of a run leaves the checksum.
    (path / "environment.json").write_text(json.dumps(facts).replace("iris", "wine"))
    (path / "study.toml").write_text(text.replace('"iris"', '"wine"'), encoding="utf-8")
    with pytest.raises(EditedStudyError, match=facts["study"]["sha256"]):
        Session.resume(path, session_settings(tmp_path))
    (path / "study.toml").write_text(text, encoding="utf-8")
    Session.resume(path, session_settings(tmp_path))._writer.close()
    (path / "environment.json").write_text(json.dumps({**facts, "study": None}))
    sentences: list[str] = []
    settings = replace(session_settings(tmp_path), notify=sentences.append)
    Session.resume(path, settings)._writer.close()
    assert any("whether study.toml was edited" in sentence for sentence in sentences)


def test_a_session_shows_a_sentence_once(tmp_path):
    sentences: list[str] = []
    changed = changed_study(str(write_study(tmp_path)), (), catalogue())
    settings = replace(session_settings(tmp_path), notify=sentences.append)
    session = Session.create(changed.text, changed.study, settings, None)
    for sentence in ("one", "one", "two"):
        session._settings.notify(sentence)
    session._writer.close()
    assert sentences == ["one", "two"]


def test_a_run_that_cannot_begin_leaves_no_folder(tmp_path):
    with pytest.raises(SearchError):
        open_session(tmp_path, storage="nonsense://x")
    assert not list((tmp_path / "results").glob("*/*"))


def test_best_median_and_worst_are_repeated_bit_for_bit_and_diagnosed(tmp_path):
    changes = ("budget.replicates=1", 'curvature.diagnosed=["best", "median", "worst"]')
    outcome = run_session(tmp_path, *changes)
    tables = tables_of(outcome.path)
    trials = tables["trials"].set_index("number")
    expected = trials[(trials["phase"] == "search") & (trials["status"] == "completed")]
    numbers = []
    for label, label_trials in expected.groupby("label"):
        chosen = outcome.summary["diagnosed"][label]
        objectives = label_trials["objective"].sort_values().tolist()
        assert trials["objective"][chosen["best"]["trial"]] == objectives[0]
        assert trials["objective"][chosen["worst"]["trial"]] == objectives[-1]
        for choice in chosen.values():
            same = [
                name for name in trials if str(name).startswith(("hp.", "metric.", "objective"))
            ]
            first, again = trials.loc[choice["trial"]], trials.loc[choice["diagnosis"]]
            pd.testing.assert_series_equal(first[same], again[same], check_names=False)
            numbers.append(choice["diagnosis"])
    assert sorted(trials.index[trials["phase"] == "diagnosis"]) == sorted(numbers)
    measured = tables["curvature"].set_index("trial")
    for number in numbers:
        assert set(measured.loc[number]["epoch"]) == {0, 3}
        assert len(tables["spectra"].query("trial == @number")) > 0
    assert outcome.report is not None


def test_every_trial_of_the_search_is_followed_and_its_cost_stated(finished):
    curvature = pd.read_parquet(finished / "curvature.parquet")
    trials = pd.read_parquet(finished / "trials.parquet").set_index("number")
    followed = curvature[curvature["quantity"] == "probe_lambda_max"]
    assert set(trials["phase"][followed["trial"].unique()]) == {"search"}
    for number, trial_rows in trials[trials["status"] == "completed"].groupby(level=0):
        if trial_rows["phase"].iloc[0] == "search":
            epochs = followed[followed["trial"] == number]["epoch"]
            assert epochs.tolist() == [0, 1, 3]
    cost = json.loads((finished / "summary.json").read_text())["monitoring"]
    search = trials[trials["phase"] == "search"]
    assert cost["seconds"] == pytest.approx(search["seconds.curvature"].sum(), abs=1e-3)  # rounded
    share = search["seconds.curvature"].sum() / search["seconds.train"].sum()
    assert cost["share_of_training"] == pytest.approx(share, rel=1e-9)  # sums in another order


def test_the_plan_says_why_more_trials_are_trained_than_the_budget_names(tmp_path):
    changes = ("budget.trials=2", "budget.replicates=3", 'curvature.diagnosed=["best"]')
    session = open_session(tmp_path, *changes)
    assert session.plan == (
        "Training at most 12 trials: 2 × 2 in the search, 2 × 3 replicates of the best settings, "
        "2 × 1 repeated for the curvature diagnosis."
    )
    assert sum(session.totals().values()) == 12


def test_the_cost_of_whole_hessians_is_stated_where_any_is_asked_for(tmp_path):
    sentence = open_session(tmp_path / "one", "curvature.exact_limit=2000").curvature_cost
    assert sentence.startswith(
        "Curvature: the whole Hessian for models with up to 2000 parameters, otherwise 40 Lanczos "
        "steps. "
        "All 2000 eigenvalues take 2000 products and 0.1 GB of memory"
    )
    assert open_session(tmp_path / "two", 'curvature.trials="none"').curvature_cost == ""


def test_a_model_that_cannot_fit_into_memory_is_refused_and_leaves_no_run(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmark.backend.free_memory", lambda: 1_000_000)
    session = open_session(tmp_path, engine=EngineChoice())
    with pytest.raises(UserError, match=r"must fit into memory.*Take fewer or smaller layers"):
        session.run([], lambda: False)
    assert not session.path.exists()
