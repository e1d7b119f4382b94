"""What is measured: a list of tasks, each for a process of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmark.errors import UserError, did_you_mean
from speed.machine import cores
from speed.ours.names import name_of
from speed.workloads import WORKLOADS

FUNCTIONS = {
    "matrix_product": "speed.machine:measure_matrix_product",
    "usual_way": "speed.competitors.usual_way:measure",
    "keras_tuner": "speed.competitors.keras_tuner:measure",
    "optuna_scikit_learn": "speed.competitors.scikit_learn:measure_search",
    "scikit_learn": "speed.competitors.scikit_learn:measure_alone",
    "pytorch": "speed.competitors.pytorch:measure",
    "sequential": "speed.ours.engine_alone:measure",
    "vectorized": "speed.ours.engine_alone:measure",
    "whole_study": "speed.ours.whole_study:measure",
    "growth": "speed.ours.whole_study:measure",
    "overhead": "speed.ours.overhead:measure",
    "pruning": "speed.ours.whole_study:measure",
    "accelerator": "speed.accelerator:measure",
    "curvature_pyhessian": "speed.curvature.competitors:measure_pyhessian",
    "curvature_curvlinops": "speed.curvature.competitors:measure_curvlinops",
    "curvature_eigenvalues": "speed.curvature.ours:measure_eigenvalues",
    "curvature_product": "speed.curvature.ours:measure_product",
    "curvature_exact": "speed.curvature.ours:measure_exact",
    "curvature_large": "speed.curvature.ours:measure_large",
    "optimizers": "speed.ours.optimizer_steps:measure",
}
"""The function of each group of measurements, read without importing any framework."""


class SpeedError(UserError, ValueError):
    """A request to the speed command that cannot be met."""


@dataclass(frozen=True, slots=True)
class Task:
    """One piece of measuring work.

    Args:
        group: a name in ``FUNCTIONS``; the first part of its measurements' names.
        detail: the rest of the name.
        title: what is being measured, for people.
        backend: the framework that is selected first, or nothing.
        arguments: of the function.
    """

    group: str
    detail: str
    title: str
    backend: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """``group/detail``, which stands for the measurements where there are none."""
        return f"{self.group}/{self.detail}" if self.detail else self.group


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured.

    Args:
        usual: trials of programs that compile anew in each trial.
        loops: trials of the other competitors, and of the sequential engine.
        alone: trials of a repetition of an engine alone, digits MLP.
        large: the same, wide MLP and CNN.
        repetitions: of an engine alone.
        study: trials of the whole study.
        study_repetitions: of the whole study.
        growth: trials of the studies that show growth: one, a base, the larger ones.
        overhead: trials of the study without training.
        pruning: trials of the study with a pruner.
    """

    usual: int
    loops: int
    alone: int
    large: int
    repetitions: int
    study: int
    study_repetitions: int
    growth: tuple[int, ...]
    overhead: int
    pruning: int


FULL = Sizes(4, 16, 128, 16, 3, 100, 3, (1, 100, 1000, 2000), 1000, 100)
QUICK = Sizes(1, 4, 16, 8, 2, 16, 1, (1, 16, 48), 48, 32)


def tasks(sizes: Sizes, capacity: int | None = None) -> list[Task]:
    """List everything that a run measures, the ceiling first.

    Args:
        sizes: ``QUICK`` or ``FULL``.
        capacity: trials at once in ours; the engine's own by default.

    Example:
        >>> [task.name for task in tasks(QUICK)][:3]
        ['matrix_product', 'usual_way/digits_mlp', 'usual_way/small_cnn']
    """
    return [
        Task("matrix_product", "", "the machine's rate of float32 matrix products"),
        *_competitors(sizes),
        *_engines(sizes, capacity),
        *_studies(sizes, capacity),
    ]


def chosen_tasks(found: Sequence[Task], only: Sequence[str]) -> list[Task]:
    """Keep the tasks that ``--only`` names, by group or by whole name.

    Args:
        found: all tasks.
        only: names; none means all.

    Raises:
        SpeedError: a name is unknown.

    Example:
        >>> [task.name for task in chosen_tasks(tasks(QUICK), ["growth"])]
        ['growth/digits_mlp']
        >>> chosen_tasks(tasks(QUICK), ["grwth"])
        Traceback (most recent call last):
        speed.plan.SpeedError: --only must name a group or a measurement. \
Received 'grwth'. Did you mean `growth`? The groups are: matrix_product, usual_way, \
keras_tuner, optuna_scikit_learn, scikit_learn, pytorch, sequential, vectorized, \
whole_study, growth, pruning, overhead.
    """
    groups = list(dict.fromkeys(task.group for task in found))
    known = {*groups, *(task.name for task in found)}
    for name in only:
        if name not in known:
            raise SpeedError(
                f"--only must name a group or a measurement. Received {name!r}."
                f"{did_you_mean(name, known)} The groups are: {', '.join(groups)}."
            )
    return [task for task in found if not only or task.group in only or task.name in only]


def accelerator_task(*, any_device: bool, capacities: Sequence[int], trials: int) -> Task:
    """What ``--gpu`` measures.

    Args:
        any_device: whether a CPU will do.
        capacities: trials at once, one measurement each.
        trials: the least number in a measurement, and at least two for each slot.
    """
    arguments = {"any_device": any_device, "capacities": list(capacities), "trials": trials}
    title = "digits trials on the accelerator, engine alone"
    return Task("accelerator", "", title, "jax", arguments)


def optimizer_tasks() -> list[Task]:
    """What ``--optimizers`` measures, all of one backend in one process."""
    return [
        Task("optimizers", backend, f"the step of each optimizer, {backend}", backend)
        for backend in ("tensorflow", "jax")
    ]


def _competitors(sizes: Sizes) -> list[Task]:
    digits, wide, cnn = (WORKLOADS[name] for name in ("digits_mlp", "wide_mlp", "small_cnn"))
    usual = "Optuna + keras.Model.fit + MLflow"
    rows = [
        ("usual_way", digits, usual, "tensorflow", sizes.usual, {}),
        ("usual_way", cnn, usual, "tensorflow", max(1, sizes.usual // 4), {}),
        ("keras_tuner", digits, "KerasTuner", "tensorflow", sizes.usual, {}),
        ("optuna_scikit_learn", digits, "Optuna + scikit-learn", "", sizes.loops, {}),
        (
            "scikit_learn",
            digits,
            "scikit-learn alone",
            "",
            sizes.loops,
            {"repetitions": sizes.repetitions},
        ),
        (
            "scikit_learn",
            wide,
            "scikit-learn alone",
            "",
            cores(),
            {"repetitions": 1, "side_by_side_only": True},
        ),
        ("pytorch", digits, "a plain PyTorch loop", "", sizes.loops, {}),
        ("pytorch", wide, "a plain PyTorch loop", "", max(1, sizes.large // 8), {}),
    ]
    return [
        Task(
            group,
            workload.name,
            f"{title}, {workload.title}",
            backend,
            {"workload": workload.name, "trials": trials, **more},
        )
        for group, workload, title, backend, trials, more in rows
    ]


def _engines(sizes: Sizes, capacity: int | None) -> list[Task]:
    found = [_alone("digits_mlp", "tensorflow", min(sizes.loops, 8), 1, engine="sequential")]
    for backend in ("tensorflow", "jax"):
        for workload in WORKLOADS:
            is_small = workload == "digits_mlp"
            trials = sizes.alone if is_small else sizes.large
            repetitions = sizes.repetitions if is_small else max(1, sizes.repetitions - 1)
            found.append(_alone(workload, backend, trials, repetitions, capacity=capacity))
    batch = {"batch_sizes": [32], "capacity": capacity}
    found += [
        _alone("digits_mlp", backend, sizes.alone, sizes.repetitions, **batch)
        for backend in ("tensorflow", "jax")
    ]
    found += [
        _alone("digits_mlp", backend, sizes.alone, sizes.repetitions, **batch, ends_only=True)
        for backend in ("tensorflow", "jax")
    ]
    for workers in (n for n in dict.fromkeys((1, 2, cores())) if n <= cores()):
        for more in ({}, batch) if workers == cores() else ({},):
            options = {"capacity": capacity, **more, "workers": workers}
            alone = _alone("digits_mlp", "tensorflow", sizes.alone, sizes.repetitions, **options)
            found.append(alone)
    return found


def _alone(workload: str, backend: str, trials: int, repetitions: int, **more: Any) -> Task:
    engine = more.get("engine", "vectorized")
    name = name_of(
        engine,
        workload,
        backend,
        more.get("workers"),
        tuple(more.get("batch_sizes", ())),
        ends_only=more.get("ends_only", False),
    )
    title = f"ours, {engine} engine alone, {backend}, {WORKLOADS[workload].title}"
    title += f", batch {more['batch_sizes'][0]}" if "batch_sizes" in more else ""
    title += f", {more['workers']} workers" if more.get("workers") else ""
    title += ", evaluated at start and end" if more.get("ends_only") else ""
    arguments = {"workload": workload, "trials": trials, "repetitions": repetitions, **more}
    arguments = {key: value for key, value in arguments.items() if value is not None}
    return Task(engine, name.partition("/")[2], title, backend, arguments)


def _studies(sizes: Sizes, capacity: int | None) -> list[Task]:
    workload = "digits_mlp"
    shared: dict[str, Any] = {"workload": workload}
    shared |= {} if capacity is None else {"capacity": capacity}
    study = {"sizes": [sizes.study], "repetitions": sizes.study_repetitions, "sampler": "tpe"}
    growth: dict[str, Any] = {"sizes": list(sizes.growth), "sampler": "random", "group": "growth"}
    # One more trial's cost is a small difference of these: the small studies are repeated.
    growth |= {"repetitions": sizes.study_repetitions, "repeated_up_to": sizes.growth[1]}
    pruning = {"sizes": [sizes.pruning], "pruner": "median", "group": "pruning"}
    rows = [
        ("whole_study", f"whole studies of {sizes.study} trials", {**shared, **study}),
        ("growth", f"studies of 1 to {sizes.growth[-1]} trials", {**shared, **growth}),
        ("pruning", f"a study of {sizes.pruning} trials with a pruner", {**shared, **pruning}),
        (
            "overhead",
            f"everything but training, {sizes.overhead} trials",
            {**shared, "trials": sizes.overhead},
        ),
    ]
    return [
        Task(group, workload, f"ours, {title}", "tensorflow", arguments)
        for group, title, arguments in rows
    ]
