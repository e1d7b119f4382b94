"""Sweeps over a closed-form problem: its options in a search space, and numbers from theory."""

from collections.abc import Iterator

from benchmark.study import Compared, Study
from benchmark.study_facts import Catalogue
from benchmark.study_messages import Mistake
from benchmark.theory import METHODS, extreme_eigenvalues, theory_settings


def problem_options(study: Study, catalogue: Catalogue) -> dict[str, float | int | str]:
    """All options of the closed-form problem of a study, none where that is wrong or absent."""
    problem = study.problem
    if problem.function not in catalogue.problems:
        return {}
    try:
        return dict(catalogue.check_problem(problem.function, problem.options))
    except ValueError:
        return {}  # told at its own place


def check_swept(
    study: Study, entry: Compared, name: str, catalogue: Catalogue
) -> Iterator[Mistake]:
    """Yield the mistakes in an option of the problem that stands in a search space."""
    own = name in study.search.get(entry.label, {})
    key = f"search.{entry.label if own else 'common'}.{name}"
    dimension = study.space(entry.label).get(name)
    values = dimension.grid if dimension else None
    if values is None:
        rule = f"{name} is an option of the problem and must be a number or {{choices}}"
        yield Mistake(key, rule, words="something else", remedy="Name the values to compare.")
        return
    if own:
        rule = f"{name} is an option of the problem, which all share, and must stand in common"
        yield Mistake(key, rule, values, f"Move it to [search.common].{name}.")
    if name in study.problem.options:
        rule = f"{name} must be given once"
        yield Mistake(key, rule, values, f"Remove problem.options.{name}.")
    if len(values) > 1 and study.budget.sampler != "grid":
        rule = f"{name} is an option of the problem: each of its values must be tried with each "
        rule += "optimizer, by the grid sampler"
        yield Mistake(key, rule, study.budget.sampler, 'Write sampler = "grid" in [budget].')
    for value in values:
        try:
            options = {**study.problem.options, name: value}
            catalogue.check_problem(study.problem.function, options)
        except ValueError as error:
            yield Mistake(key, sentence=str(error))
            return


def check_theory(study: Study, entry: Compared, catalogue: Catalogue) -> Iterator[Mistake]:
    """Yield the mistakes in numbers that theory is asked for."""
    asked = study.theory(entry.label)
    if not asked:
        return
    places = {
        name: f"search.{entry.label if name in study.search.get(entry.label, {}) else 'common'}"
        for name in asked
    }
    first, tuning = next(iter(asked.items()))
    key = f"{places[first]}.{first}"
    remedy = "Write a number, {low, high, log, step} or {choices}."
    able = [name for name, tunings in METHODS.items() if tuning in tunings]
    if entry.optimizer not in able:
        rule = f"{tuning!r} must stand for a number of {', '.join(able)}"
        yield Mistake(key, rule, entry.optimizer, remedy)
        return
    known = theory_settings(entry.optimizer, 1.0, 1.0, tuning)
    for name in asked:
        if name not in known:
            rule = f"{tuning!r} must stand for {' or '.join(known)} of {entry.optimizer}"
            yield Mistake(f"{places[name]}.{name}", rule, name, remedy)
    missing = sorted(name for name in known if asked.get(name) != tuning)
    if missing:
        rule = f"{' and '.join(known)} of {entry.optimizer} must be {tuning!r} together"
        received = " and ".join(name for name in asked if asked[name] == tuning)
        yield Mistake(key, rule, received, f'Write {missing[0]} = "{tuning}" as well.')
    try:
        extreme_eigenvalues(problem_options(study, catalogue))
    except KeyError:
        rule = f"{tuning!r} needs a function with a condition_number and a largest_eigenvalue"
        received = study.problem.function or study.problem.dataset
        remedy = "Take quadratic or diagonal_quadratic, or write numbers."
        yield Mistake(key, rule, received, remedy)
