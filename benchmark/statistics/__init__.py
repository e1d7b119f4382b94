"""Statistics of a run's tables: summaries, comparisons, budgets, targets, importance.

Everything here takes tables and plain values and gives plain values; nothing reads
files, draws or trains.
"""

from benchmark.statistics.budget import budget_values, expected_best, expected_best_band
from benchmark.statistics.comparison import Comparison, compare
from benchmark.statistics.contraction import Contraction, measured_contraction
from benchmark.statistics.edges import EdgeWarning, edge_warnings
from benchmark.statistics.importance import Importance, importance_of
from benchmark.statistics.intervals import Interval, mean_interval
from benchmark.statistics.labels import (
    COUNTED,
    USABLE,
    Failure,
    LabelSummary,
    best_of,
    column_on_test,
    configuration_of,
    direction_of,
    failures,
    summarize,
    usable,
)
from benchmark.statistics.spreads import Spread, spreads
from benchmark.statistics.target import time_to_target
from benchmark.statistics.verdict import Standing, Verdict, verdict

__all__ = [
    "COUNTED",
    "USABLE",
    "Comparison",
    "Contraction",
    "EdgeWarning",
    "Failure",
    "Importance",
    "Interval",
    "LabelSummary",
    "Spread",
    "Standing",
    "Verdict",
    "best_of",
    "budget_values",
    "column_on_test",
    "compare",
    "configuration_of",
    "direction_of",
    "edge_warnings",
    "expected_best",
    "expected_best_band",
    "failures",
    "importance_of",
    "mean_interval",
    "measured_contraction",
    "spreads",
    "summarize",
    "time_to_target",
    "usable",
    "verdict",
]
