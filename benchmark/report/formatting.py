"""Numbers and names as people read them."""

import math
import re

from benchmark.metrics import reported_metric
from benchmark.statistics import Interval

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float, digits: int = 4) -> str:
    """Return a number with a few significant digits; ``–`` where there is none.

    Args:
        value: the number.
        digits: how many significant digits.

    Example:
        >>> number(0.0123456), number(123456.0), number(1.25e-7), number(1e-9)
        ('0.01235', '123456', '1.25 × 10⁻⁷', '10⁻⁹')
        >>> number(float("nan")), number(float("-inf")), number(-2.5)
        ('–', '−∞', '−2.5')
    """
    if math.isnan(value):
        return "–"
    sign = "−" if value < 0 else ""
    size = abs(value)
    if math.isinf(size):
        return sign + "∞"
    if size == int(size) and size < 1e6:
        return f"{sign}{int(size)}"
    if not 1e-4 <= size < 1e6:
        mantissa, exponent = f"{size:.{digits - 1}e}".split("e")
        mantissa = mantissa.rstrip("0").rstrip(".")
        power = f"10{str(int(exponent)).translate(_SUPERSCRIPTS)}"
        return f"{sign}{power}" if mantissa == "1" else f"{sign}{mantissa} × {power}"
    decimals = max(0, digits - 1 - math.floor(math.log10(size)))
    text = f"{size:.{decimals}f}"
    return sign + (text.rstrip("0").rstrip(".") if "." in text else text)


def interval(value: Interval) -> str:
    """Return an interval's ends, or why there are none.

    Args:
        value: the interval.

    Example:
        >>> interval(Interval(0.92, 0.895, 0.945, 3, 0.95, "Student t over 3 values"))
        '0.895 to 0.945'
        >>> interval(Interval(0.92, float("nan"), float("nan"), 1, 0.95, "one value"))
        '–'
    """
    return f"{number(value.low)} to {number(value.high)}" if value.is_known else "–"


def words(name: str) -> str:
    """Return a name of the program in words.

    Args:
        name: for instance ``"validation_loss"``.

    Example:
        >>> words("validation_loss"), words("test_mean_absolute_error")
        ('validation loss', 'test mean absolute error')
    """
    metric = reported_metric(name)
    if metric:
        return f"{name.partition('_')[0]} {metric.title}"
    return name.replace("_", " ")


def typeset(sentence: str) -> str:
    """Return a sentence of a diagnosis with its numbers and letters as the figures have them.

    Args:
        sentence: as it is recorded, in which numbers are those of Python.

    Example:
        >>> typeset("λ_max = -0.5 ± 3e-13 (zero: |λ| ≤ 1e-05, 1e+06 at most).")
        'λmax = −0.5 ± 3 × 10⁻¹³ (zero: |λ| ≤ 10⁻⁵, 10⁶ at most).'
    """

    def power(match: "re.Match[str]") -> str:
        raised = f"10{str(int(match[2])).translate(_SUPERSCRIPTS)}"
        return raised if match[1] == "1" else f"{match[1]} × {raised}"

    text = sentence.replace("λ_max", "λmax").replace("λ_min", "λmin")
    text = re.sub(r"(\d+(?:\.\d+)?)e([+-]\d+)\b", power, text)
    return re.sub(r"(?<=[\s(=≤≥±])-(?=\d)", "−", text)


def listed(items: list[str], last: str = "and") -> str:
    """Return items as a list in words.

    Args:
        items: the items.
        last: the word before the last item.

    Example:
        >>> listed(["sgd", "momentum", "adam"])
        'sgd, momentum and adam'
    """
    return f" {last} ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def shortened(items: list[str], most: int = 5) -> str:
    """Return names as people list them, those beyond the first few counted.

    Args:
        items: the names, the most important first.
        most: how many are named; one more is named too, rather than counted.

    Example:
        >>> shortened(["a", "b", "c"], 2), shortened(["a", "b", "c", "d"], 2)
        ('a, b and c', 'a, b and 2 others')
    """
    if len(items) <= most + 1:
        return listed(items)
    return f"{', '.join(items[:most])} and {len(items) - most} others"


def counted(count: int, noun: str) -> str:
    """Return a count with its noun.

    Args:
        count: how many.
        noun: in the singular.

    Example:
        >>> counted(1, "trial"), counted(0, "replicate")
        ('1 trial', '0 replicates')
    """
    return f"{count} {noun}{'' if count == 1 else 's'}"


def capitalized(text: str) -> str:
    """Return a text with its first letter large, the others as they are.

    Example:
        >>> capitalized("the bound of κ in SGD")
        'The bound of κ in SGD'
    """
    return f"{text[:1].upper()}{text[1:]}"
