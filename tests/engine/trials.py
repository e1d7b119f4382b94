"""Trials for the tests of engines, and how to run them."""

from collections.abc import Iterable

from benchmark.execution import Engine
from benchmark.trial import DatasetProblem, Report, Settings, Trial, TrialResult

IRIS = DatasetProblem("iris", loss="sparse_categorical_crossentropy", metric="accuracy")
DIABETES = DatasetProblem("diabetes", loss="mean_squared_error", metric="mean_absolute_error")

SAMPLINGS = (
    ("shuffle", 32),
    ("drop_remainder", 32),
    ("round_robin", 7),
    ("bernoulli", 16),
    ("with_replacement", 40),
)
# Whose steps enlarge a rounding, so that those of float32 leave little to compare. Of two clipped
# gradients, or of two mini-batches, Barzilai–Borwein's sᵀy is nearly nothing, and where it is
# only rounding so is the step. Muon's polynomials multiply a small singular value by 3.44 five
# times over, 485 times; Shampoo's and SOAP's roots and eigenvectors turn with small eigenvalues.
ENLARGING = ("barzilai_borwein", "muon", "shampoo", "soap")


def make_trial(number=0, optimizer="sgd", epochs=3, problem=IRIS, **changes) -> Trial:
    hyperparameters = changes.pop("hyperparameters", {"learning_rate": 0.1, "batch_size": 32})
    options = changes.pop("model_options", {"initializer": "uniform"})
    return Trial(
        number=number,
        phase="search",
        problem=problem,
        model=changes.pop("model", "linear"),
        model_options=Settings(options),
        label=optimizer,
        optimizer=optimizer,
        hyperparameters=Settings(hyperparameters),
        options=Settings(
            changes.pop("options", {}),
            sampling=changes.pop("sampling", "shuffle"),
            schedule=changes.pop("schedule", "constant"),
        ),
        epochs=epochs,
        seed=7,
        **changes,
    )


def run(engine: Engine, trial: Trial) -> tuple[TrialResult, list[Report]]:
    """Run one trial to its own end."""
    return run_all(engine, [trial])[trial.number]


def run_all(engine: Engine, trials: Iterable[Trial]) -> dict[int, tuple[TrialResult, list[Report]]]:
    """Run trials to their own ends, as many at a time as the engine takes."""
    waiting = list(trials)
    reports: dict[int, list[Report]] = {}
    ended: dict[int, tuple[TrialResult, list[Report]]] = {}
    while waiting or reports:
        while waiting and len(reports) < engine.capacity:
            trial = waiting.pop(0)
            reports[trial.number] = []
            engine.start(trial)
        for report in engine.advance():
            number = report.trial_number
            reports[number].append(report)
            if report.status.is_final:
                result = engine.stop(number, report.status, report.reason)
                ended[number] = (result, reports.pop(number))
    return ended
