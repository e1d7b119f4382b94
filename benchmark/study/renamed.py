"""Keys of study files under their old names, which are read for one more release."""

from collections.abc import MutableMapping
from typing import Any

RENAMED_KEYS = {
    ("training", "sampling"): "batch_sampling",
    ("curvature", "tracking"): "monitor",
    ("curvature", "tracking_epochs"): "monitor_epochs",
}
"""The new name of a key, by its table and its old name."""

RENAMED_VALUES = {("curvature", "gradient_norm", "tracking_epochs"): "monitor_epochs"}
"""The new name of a value, by its table, its key and its old name."""


def use_new_names(content: MutableMapping[str, Any]) -> tuple[str, ...]:
    """Give renamed keys and values of a parsed study their new names, in place.

    A table that has both names keeps both, so that the check refuses the old one.

    Args:
        content: the parsed study file.

    Returns:
        a sentence for each old name.

    Example:
        >>> content = {"curvature": {"tracking": False}}
        >>> use_new_names(content)
        ('curvature.tracking is now called curvature.monitor. Rename it: ...',)
        >>> content
        {'curvature': {'monitor': False}}
    """
    notices = []
    for (section, old), new in RENAMED_KEYS.items():
        table = content.get(section)
        if isinstance(table, MutableMapping) and old in table and new not in table:
            table[new] = table.pop(old)
            notices.append(_notice(f"{section}.{old}", f"{section}.{new}"))
    for (section, key, old), new in RENAMED_VALUES.items():
        table = content.get(section)
        if isinstance(table, MutableMapping) and table.get(key) == old:
            table[key] = new
            notices.append(_notice(f"{section}.{key} = {old!r}", f"{section}.{key} = {new!r}"))
    return tuple(notices)


def _notice(old: str, new: str) -> str:
    return f"{old} is now called {new}. Rename it: the next release refuses the old name."
