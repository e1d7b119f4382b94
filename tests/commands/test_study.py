"""Several studies by one command."""

import pytest
from typer.testing import CliRunner

from benchmark.commands import study
from benchmark.run import app


@pytest.fixture
def ran(monkeypatch):
    """Record what would be run, each study ending with the next code."""
    started = []

    def with_codes(*codes):
        waiting = list(codes)

        def run_study(name, request, select_backend):
            started.append((name, request.changes))
            return waiting.pop(0)

        monkeypatch.setattr(study, "run_study", run_study)
        return started

    return with_codes


def invoke(*arguments):
    return CliRunner().invoke(app, ["study", *arguments])


def test_studies_run_one_after_the_other_with_the_same_changes(ran) -> None:
    started = ran(0, 0)
    assert invoke("quickstart", "quadratic", "--trials", "2").exit_code == 0
    assert started == [("quickstart", ["budget.trials=2"]), ("quadratic", ["budget.trials=2"])]


def test_one_that_failed_does_not_keep_the_next_from_running(ran) -> None:
    started = ran(1, 0)
    assert invoke("quickstart", "quadratic").exit_code == 1
    assert len(started) == 2


def test_an_interruption_ends_all_and_names_what_was_not_begun(ran) -> None:
    started = ran(130)
    done = invoke("quickstart", "quadratic", "regression")
    assert done.exit_code == 130
    assert len(started) == 1
    assert "Not begun:\n  python -m benchmark.run study quadratic regression" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["quickstart", "quadratc"], "Did you mean `quadratic`"),
        (["quickstart", "quadratic", "--set", "training.epoch=3"], "training.epoch"),
        (["quickstart", "quickstart"], "a study must be named once. Received 'quickstart' twice"),
        (["quickstart", "quadratic", "--json"], "--json prints one document"),
        (["quickstart", "quadratic", "--resume", "latest"], "Leave out NAME"),
    ],
)
def test_a_mistake_in_any_of_them_is_found_before_the_first_is_trained(
    ran, arguments, sentence
) -> None:
    started = ran()
    done = invoke(*arguments)
    assert done.exit_code == 2
    assert sentence in done.stderr
    assert not started
