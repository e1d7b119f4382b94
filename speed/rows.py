"""What is measured: one table of rows, each for a process of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmark.errors import UserError, did_you_mean
from speed.machine import cores
from speed.workloads import WORKLOADS

BACKENDS = ("tensorflow", "jax")
ENDS_ONLY = "ends_only"


class SpeedError(UserError, ValueError):
    """A request to the speed command that cannot be met."""


@dataclass(frozen=True, slots=True)
class Row:
    """One piece of measuring work.

    Args:
        name: ``group/detail``, which stands for the measurements where there are none.
        title: what is measured, for people.
        function: ``"module:function"``.
        backend: the framework that is selected first, or nothing.
        arguments: of the function.
    """

    name: str
    title: str
    function: str
    backend: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def group(self) -> str:
        """The first part of the names of its measurements."""
        return self.name.split("/")[0]


def training_rows(*, is_full: bool, capacity: int | None = None) -> list[Row]:
    """List what a run measures by default, the ceiling first.

    Args:
        is_full: whether in the sizes that the targets are stated for.
        capacity: trials at once in ours; the engine's own by default.

    Example:
        >>> [row.name for row in training_rows(is_full=False)][:3]
        ['matrix_product', 'usual_way/digits_mlp', 'usual_way/small_cnn']
    """
    title, function = "the machine's rate of float32 matrix products", "measure_matrix_product"
    ceiling = Row("matrix_product", title, f"speed.machine:{function}")
    return [
        ceiling,
        *_competitors(is_full=is_full),
        *_engines(capacity, is_full=is_full),
        *_studies(capacity, is_full=is_full),
    ]


def _competitors(*, is_full: bool) -> list[Row]:
    usual, loops = (4, 16) if is_full else (1, 4)
    alone = {"repetitions": 3 if is_full else 2}
    together = {"repetitions": 1, "side_by_side_only": True}
    table: list[tuple[str, str, str, int, dict[str, Any]]] = [
        ("usual_way", "digits_mlp", "tensorflow", usual, {}),
        ("usual_way", "small_cnn", "tensorflow", 1, {}),
        ("keras_tuner", "digits_mlp", "tensorflow", usual, {}),
        ("scikit_learn", "digits_mlp", "", loops, alone),
        ("scikit_learn", "wide_mlp", "", cores(), together),
        ("pytorch", "digits_mlp", "", loops, {}),
        ("pytorch", "wide_mlp", "", 2 if is_full else 1, {}),
    ]
    titles = {
        "usual_way": "Optuna (SQLite) + keras.Model.fit + MLflow callback",
        "keras_tuner": "KerasTuner random search",
        "scikit_learn": "scikit-learn alone",
        "pytorch": "plain PyTorch loop",
    }
    return [
        Row(
            f"{group}/{workload}",
            f"{titles[group]}, {WORKLOADS[workload].title}",
            f"speed.competitors.{group}:measure",
            backend,
            {"workload": workload, "trials": trials, **more},
        )
        for group, workload, backend, trials, more in table
    ]


def _engines(capacity: int | None, *, is_full: bool) -> list[Row]:
    repetitions = 3 if is_full else 2
    small: dict[str, Any] = {
        "trials": 128 if is_full else 16,
        "repetitions": repetitions,
        "capacity": capacity,
    }
    large = {**small, "trials": 16 if is_full else 8, "repetitions": repetitions - 1}
    batch = {**small, "batch_sizes": [32]}
    single = {"trials": 8 if is_full else 4, "repetitions": 1, "engine": "sequential"}
    each = [(workload, backend) for backend in BACKENDS for workload in WORKLOADS]
    rows = [_engine("digits_mlp", "tensorflow", **single)]
    rows += [_engine(*pair, **(small if pair[0] == "digits_mlp" else large)) for pair in each]
    rows += [_engine("digits_mlp", backend, **batch) for backend in BACKENDS]
    rows += [_engine("digits_mlp", backend, **batch, ends_only=True) for backend in BACKENDS]
    for workers in (n for n in dict.fromkeys((1, 2, cores())) if n <= cores()):
        for arguments in (small, batch) if workers == cores() else (small,):
            rows.append(_engine("digits_mlp", "tensorflow", **arguments, workers=workers))
    return rows


def _engine(workload: str, backend: str, **arguments: Any) -> Row:
    """The row of an engine alone; what differs from the rule is part of its name."""
    engine, workers = arguments.get("engine", "vectorized"), arguments.get("workers")
    alone = "engine alone" if engine == "vectorized" else "sequential engine"
    where = f"{workers} workers" if workers else "one process"
    name = f"{engine}/{workload}/{backend}" + (f"/workers_{workers}" if workers else "")
    title = f"ours, {alone}, {backend}, {where}, {WORKLOADS[workload].title}"
    sizes = arguments.get("batch_sizes")
    title += f", batch {sizes[0]}" if sizes else ", batches 16 to 128"
    name += f"/batch_{sizes[0]}" if sizes else ""
    if arguments.get(ENDS_ONLY):
        name, title = f"{name}/{ENDS_ONLY}", f"{title}, evaluated at start and end"
    given = {key: value for key, value in arguments.items() if value is not None}
    return Row(name, title, "speed.ours.engine:measure", backend, {"workload": workload, **given})


def _studies(capacity: int | None, *, is_full: bool) -> list[Row]:
    trials = 100 if is_full else 16
    overhead, pruned = (1000, 100) if is_full else (48, 32)
    growing = [1, trials, 1000, 2000] if is_full else [1, trials, 48]
    repetitions = {"repetitions": 3 if is_full else 1}
    # One more trial's cost is a small difference of these: the small studies are repeated.
    growth = {"sizes": growing, **repetitions, "repeated_up_to": trials, "group": "growth"}
    study = {"sizes": [trials], **repetitions, "sampler": "tpe"}
    pruning = {"sizes": [pruned], "pruner": "median", "group": "pruning"}
    table: list[tuple[str, str, str, dict[str, Any]]] = [
        ("whole_study", f"whole studies of {trials} trials", "measure", study),
        ("growth", f"studies of 1 to {growing[-1]} trials", "measure", growth),
        ("pruning", f"a study of {pruned} trials with a pruner", "measure", pruning),
        (
            "overhead",
            f"everything but training, {overhead} trials",
            "measure_overhead",
            {"trials": overhead},
        ),
    ]
    workload = "digits_mlp"
    shared = {"workload": workload, **({} if capacity is None else {"capacity": capacity})}
    return [
        Row(
            f"{group}/{workload}",
            f"ours, {title}",
            f"speed.ours.study:{function}",
            "tensorflow",
            {**shared, **arguments},
        )
        for group, title, function, arguments in table
    ]


def curvature_rows(*, is_full: bool) -> list[Row]:
    """List what ``--curvature`` measures; competitors are repeated three times.

    Example:
        >>> [row.name for row in curvature_rows(is_full=False)][:3]
        ['curvature_pyhessian', 'curvature_curvlinops', 'curvature_eigenvalues/tensorflow/float32']
    """
    few, many = {"repetitions": 3}, {"repetitions": 10 if is_full else 3}
    # Hidden units that make 5035 and 1014630 parameters in a full run.
    exact = {**few, "hidden": [67] if is_full else [20]}
    million, products = ([970, 970], 100) if is_full else ([200, 200], 50)
    # Four chunks of the examples and a rest.
    large = {"products": products, "hidden": million, "chunk_size": 256}
    table: list[tuple[str, str, tuple[str, ...], dict[str, Any]]] = [
        ("eigenvalues", "ten eigenvalues", ("float32", "float64"), many),
        ("product", "a product and a gradient", ("float64",), many),
        ("exact", "the full Hessian", ("float64",), exact),
        ("large", "a large network", ("float32",), large),
    ]
    rows = [
        Row(f"curvature_{name}", title, f"speed.competitors.{name}:measure", "", few)
        for name, title in (
            ("pyhessian", "PyHessian, ten eigenvalues"),
            ("curvlinops", "curvlinops with SciPy, ten eigenvalues"),
        )
    ]
    return rows + [
        Row(
            f"curvature_{kind}/{backend}/{dtype}",
            f"ours, {title}, {backend}, {dtype}",
            f"speed.ours.curvature:measure_{kind}",
            backend,
            {**arguments, "dtype": dtype},
        )
        for kind, title, dtypes, arguments in table
        for backend in BACKENDS
        for dtype in dtypes
    ]


def optimizer_rows() -> list[Row]:
    """List what ``--optimizers`` measures, all of one backend in one process."""
    function = "speed.ours.optimizer_steps:measure"
    return [
        Row(f"optimizers/{name}", f"the step of each optimizer, {name}", function, name)
        for name in BACKENDS
    ]


def accelerator_rows(*, is_full: bool, any_device: bool) -> list[Row]:
    """List what ``--gpu`` measures, on JAX."""
    capacities = (1, 4, 16, 64, 256, 1024, 4096)
    arguments = {"any_device": any_device, "capacities": capacities[: None if is_full else 4]}
    title = "digits trials on the accelerator, engine alone"
    return [Row("accelerator", title, "speed.ours.accelerator:measure", "jax", arguments)]


def chosen_rows(rows: Sequence[Row], only: Sequence[str]) -> list[Row]:
    """Keep the rows that ``--only`` names, by group or by whole name; all where it names none.

    Raises:
        SpeedError: a name is unknown.

    Example:
        >>> [row.name for row in chosen_rows(training_rows(is_full=False), ["growth"])]
        ['growth/digits_mlp']
        >>> chosen_rows(training_rows(is_full=False), ["grwth"])
        Traceback (most recent call last):
        speed.rows.SpeedError: --only must name a group or a measurement. \
Received 'grwth'. Did you mean `growth`? The groups are: matrix_product, usual_way, \
keras_tuner, scikit_learn, pytorch, sequential, vectorized, whole_study, growth, pruning, overhead.
    """
    groups = list(dict.fromkeys(row.group for row in rows))
    known = {*groups, *(row.name for row in rows)}
    for name in only:
        if name not in known:
            raise SpeedError(
                f"--only must name a group or a measurement. Received {name!r}."
                f"{did_you_mean(name, known)} The groups are: {', '.join(groups)}."
            )
    return [row for row in rows if not only or row.group in only or row.name in only]
