"""Which optimizers there are, with what each declares of itself.

Read by ``list`` and ``validate``, so nothing here imports Keras, which takes seconds. An
optimizer's file declares ``ENTRY`` beside its class, which does import Keras; so the registry
evaluates only that statement of the file and those that it needs (:func:`declared_entry`). The
class is imported when :func:`load_optimizer` is first asked for it.
"""

import ast
import importlib
import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from importlib.abc import InspectLoader
from typing import Any

from benchmark.errors import did_you_mean
from benchmark.optimizers.constructor import read_constructor, summary_of
from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.foreign import foreign_class, is_foreign

RULES: dict[str, str] = {
    "gradient_descent": "GradientDescent",
    "sgd": "SGD",
    "averaged_sgd": "AveragedSGD",
    "momentum": "Momentum",
    "dampened_momentum": "DampenedMomentum",
    "nesterov": "Nesterov",
    "barzilai_borwein": "BarzilaiBorwein",
    "polyak_step": "PolyakStep",
    "adagrad": "Adagrad",
    "adadelta": "Adadelta",
    "rmsprop": "RMSprop",
    "adam": "Adam",
    "amsgrad": "AMSGrad",
    "adamw": "AdamW",
    "nadam": "Nadam",
    "adamax": "Adamax",
    "radam": "RAdam",
    "adabelief": "AdaBelief",
    "yogi": "Yogi",
    "lion": "Lion",
    "lamb": "Lamb",
    "adafactor": "Adafactor",
    "muon": "Muon",
    "shampoo": "Shampoo",
    "soap": "SOAP",
    "sam": "SAM",
    "sophia": "Sophia",
    "schedule_free_sgd": "ScheduleFreeSGD",
    "schedule_free_adamw": "ScheduleFreeAdamW",
    "prodigy": "Prodigy",
    "dog": "DoG",
    "steepest_descent": "SteepestDescent",
    "nonlinear_conjugate_gradient": "NonlinearConjugateGradient",
    "lbfgs": "LBFGS",
    "newton_cg": "NewtonCG",
    "levenberg_marquardt": "LevenbergMarquardt",
}
"""The class of every optimizer. Its file is ``rules/NAME.py``: a new optimizer adds that file, and
a line here."""
DECLARATION = "ENTRY"


def rule_path(name: str) -> str:
    """Return the file of a built-in optimizer, from the root of the project.

    Example:
        >>> rule_path("adam")
        'benchmark/optimizers/rules/adam.py'
    """
    return f"{_module(name).replace('.', '/')}.py"


class _Entries(Mapping[str, OptimizerEntry]):
    """The entries by name, each read when it is first asked for."""

    def __getitem__(self, name: str) -> OptimizerEntry:
        return declared_entry(_module(name), RULES[name])

    def __contains__(self, name: object) -> bool:
        return name in RULES

    def __iter__(self) -> Iterator[str]:
        return iter(RULES)

    def __len__(self) -> int:
        return len(RULES)


OPTIMIZERS: Mapping[str, OptimizerEntry] = _Entries()
"""Every optimizer by the name that a study file uses."""


@cache
def declared_entry(module: str, class_name: str) -> OptimizerEntry:
    """Return what the file of a class declares, without importing it.

    Evaluated are the statement that binds ``ENTRY`` and, before it, those that bind a name which
    it uses, and so on: constants, functions and imports, but neither Keras nor the class.

    Args:
        module: of the optimizer.
        class_name: its class.

    Raises:
        ValueError: there is no such file, or it declares nothing.

    Example:
        >>> entry = declared_entry("benchmark.optimizers.rules.lion", "Lion")
        >>> entry.hyperparameters["beta_2"].default
        0.99
    """
    path = f"{module.replace('.', '/')}.py"
    spec = importlib.util.find_spec(module)
    loader = spec.loader if spec else None
    source = loader.get_source(module) if isinstance(loader, InspectLoader) else None
    if source is None:
        raise ValueError(
            f"an optimizer of RULES must have a file of its name. Received {class_name!r}, and "
            f"there is no {path}. Write it, or correct the line in {__name__}."
        )
    tree = ast.parse(source, path)
    tree.body = _needed_for(DECLARATION, tree.body)
    names: dict[str, Any] = {"__name__": module}
    exec(compile(tree, path, "exec"), names)  # noqa: S102 - a file of this package
    entry = names.get(DECLARATION)
    if not isinstance(entry, OptimizerEntry):
        raise ValueError(
            f"the file of an optimizer must declare {DECLARATION}. Received {path} without it. "
            f"Write {DECLARATION} = OptimizerEntry(…) there, as in "
            "benchmark/optimizers/rules/adam.py."
        )
    return replace(entry, target=f"{module}:{class_name}")


def _needed_for(name: str, statements: list[ast.stmt]) -> list[ast.stmt]:
    """The statements that a name depends on, in their order."""
    needed: set[int] = set()
    names, known = [name], {name}
    while names:
        wanted = names.pop()
        for index, statement in enumerate(statements):
            if index in needed or wanted not in _bound_by(statement):
                continue
            needed.add(index)
            used = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
            names += sorted(used - known)
            known |= used
    return [statement for index, statement in enumerate(statements) if index in needed]


def _bound_by(statement: ast.stmt) -> set[str]:
    """The names that a statement of a module binds."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).partition(".")[0] for alias in statement.names}
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        return {
            node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)
        }
    return set()


def optimizer_entry(name: str) -> OptimizerEntry:
    """Return what is known of an optimizer.

    Args:
        name: a key of ``OPTIMIZERS``, which needs no import; or ``keras:Class`` or
            ``package.module:Class``, whose class is imported, and Keras with it.

    Raises:
        ValueError: there is no such optimizer; the sentence says what to write.

    Example:
        >>> optimizer_entry("sdg")
        Traceback (most recent call last):
            ...
        ValueError: the optimizer must be one of ... Received 'sdg'. Did you mean `sgd`?
        >>> rate = optimizer_entry("keras:Lion").hyperparameters["learning_rate"]
        >>> rate.default, dict(rate.space)
        (0.001, {'low': 1e-05, 'high': 0.1, 'log': True})
    """
    if is_foreign(name):
        return _foreign_entry(name)
    if name not in OPTIMIZERS:
        raise ValueError(
            f"the optimizer must be one of {', '.join(OPTIMIZERS)}. Received {name!r}."
            + did_you_mean(name, OPTIMIZERS)
        )
    return OPTIMIZERS[name]


def load_optimizer(name: str) -> Any:
    """Return the class of an optimizer; imports Keras.

    Args:
        name: as for :func:`optimizer_entry`.

    Raises:
        ValueError: there is no such optimizer.

    Example:
        >>> load_optimizer("adam").__name__
        'Adam'
    """
    if is_foreign(name):
        return foreign_class(name)
    module, _, class_name = optimizer_entry(name).target.partition(":")
    optimizer_class = getattr(importlib.import_module(module), class_name, None)
    if optimizer_class is None:
        raise ValueError(
            f"the file of an optimizer must hold the class that RULES names. Received "
            f"{class_name!r}, which is not in {rule_path(name)}. Correct the line in "
            "benchmark/optimizers/registry.py."
        )
    return optimizer_class


def takes_objective(name: str) -> bool:
    """Return whether an optimizer needs the objective, not its gradient alone; imports Keras.

    Example:
        >>> takes_objective("sam"), takes_objective("adam")
        (True, False)
    """
    base = importlib.import_module("benchmark.optimizers.objective_optimizer")
    return issubclass(load_optimizer(name), base.ObjectiveOptimizer)


def is_adapted(name: str) -> bool:
    """Return whether the class of an optimizer is not ours by its base; imports Keras if not."""
    return is_foreign(name) and not _is_ours(foreign_class(name))


def _is_ours(optimizer_class: Any) -> bool:
    base = importlib.import_module("benchmark.optimizers.base").Optimizer
    return issubclass(optimizer_class, base)


def _module(name: str) -> str:
    return f"benchmark.optimizers.rules.{name}"


@cache
def _foreign_entry(name: str) -> OptimizerEntry:
    optimizer_class = foreign_class(name)
    entry = getattr(optimizer_class, "entry", None)
    if isinstance(entry, OptimizerEntry):  # a class of a user that declares itself as ours do
        return replace(entry, target=name)
    hyperparameters, options = read_constructor(optimizer_class)
    constants: frozenset[str] = frozenset()
    if _is_ours(optimizer_class):
        hyperparameters = dict(optimizer_class.hyperparameter_table)
        constants = frozenset(getattr(optimizer_class, "constant_names", ()))
    return OptimizerEntry(
        summary_of(optimizer_class), name, hyperparameters, constants=constants, options=options
    )
