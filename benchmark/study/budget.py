"""The checks of ``[budget]``: what the sampler needs, and the options of the pruner."""

from collections.abc import Iterator

from benchmark.errors import did_you_mean
from benchmark.study.messages import Mistake
from benchmark.study.samplers import PRUNERS, missing_package
from benchmark.study.schema import Study

OPTIONS = "budget.pruner_options"


def check_budget(study: Study) -> Iterator[Mistake]:
    """Yield the mistakes in sampler and pruner.

    Args:
        study: the study.
    """
    budget = study.budget
    if missing := missing_package(budget.sampler):
        rule, remedy = missing
        yield Mistake("budget.sampler", rule, budget.sampler, remedy)
    entry, given = PRUNERS[budget.pruner], budget.pruner_options
    for name, value in given.items():
        key = f"{OPTIONS}.{name}"
        if name not in entry.options:
            known = ", ".join(entry.options)
            rule = f"an option of the pruner {budget.pruner} must be one of {known}"
            if not known:
                rule = f"the pruner {budget.pruner} has no options"
            yield Mistake(key, rule, name, did_you_mean(name, entry.options) or "Remove it.")
        elif not entry.options[name].allows(value):
            rule = f"{name} must be {entry.options[name].rule}"
            yield Mistake(key, rule, value, f"Write for instance {entry.options[name].example}.")
    if entry.needs and not any(name in given for name in entry.needs):
        rule = f"the pruner {budget.pruner} needs {' or '.join(entry.needs)}"
        remedy = f"Add pruner_options = {{ {entry.needs[-1]} = … }} to [budget]."
        yield Mistake(OPTIONS, rule, remedy=remedy)
    lower, upper = given.get("lower"), given.get("upper")
    if isinstance(lower, float | int) and isinstance(upper, float | int) and lower >= upper:
        yield Mistake(OPTIONS, "lower must be < upper", dict(given), "Swap them.")
