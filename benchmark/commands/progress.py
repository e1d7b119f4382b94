"""Progress in the terminal: bars where it is one, plain lines where it is a file."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Literal, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TimeElapsedColumn

from benchmark.commands.terminal import Terminal, text_column, warn
from benchmark.trial import Direction, Report, TrialResult

Mode = Literal["live", "plain", "quiet"]
REFRESHES = 2.0
"""How often a second the bars are drawn: each time takes milliseconds from the training."""
MOST_NAMED = 4
"""Labels whose best value a plain line names, the best first."""
EARLIEST = 0.1
"""The share of the trials from which their rate is worth a forecast."""
PLAIN_INTERVAL = 5.0
"""Seconds between two plain lines, so that a log file stays readable."""


def bars(
    console: Console,
    *columns: ProgressColumn,
    is_live: bool = True,
    refreshes: float = 10.0,
    is_transient: bool = False,
) -> Progress:
    """Return progress bars: a description, the bar, and further columns.

    Args:
        console: where they are drawn.
        columns: those after the bar.
        is_live: whether they are drawn at all.
        refreshes: how often a second.
        is_transient: whether they vanish at the end.
    """
    return Progress(
        text_column("{task.description}"),
        BarColumn(bar_width=30),
        *columns,
        console=console,
        refresh_per_second=refreshes,
        transient=is_transient,
        disable=not is_live,
    )


@contextmanager
def counting_bar(total: int, description: str) -> Iterator[Callable[[int, str, str], None]]:
    """Show how many things are done: a bar on a terminal, a line for each of them elsewhere.

    Args:
        total: how many things there are.
        description: what the bar says at first.

    Yields:
        A function of the number of things done, the bar's new description, and the line.
    """
    console = Terminal(stderr=True)
    if not console.is_terminal:
        yield lambda _done, _description, line: warn(line)
        return
    progress = bars(console, MofNCompleteColumn(), TimeElapsedColumn())
    bar = progress.add_task(description, total=total)
    with progress:
        yield lambda done, description, _line: progress.update(
            bar, completed=done, description=description
        )


@contextmanager
def stage_bar() -> Iterator[tuple[Callable[[str, float], None], Callable[[str], None]]]:
    """Show stages, one after the other: a bar on a terminal, a line for each stage elsewhere.

    Yields:
        A function of a stage's name and the share of it that is done (0 where that is unknown),
        and a function that prints a sentence.
    """
    console = Terminal(stderr=True)
    if not console.is_terminal:
        stages: set[str] = set()

        def name(stage: str, _share: float) -> None:
            if stage not in stages:
                stages.add(stage)
                warn(f"{stage} …")

        yield name, warn
        return
    progress = bars(console, TimeElapsedColumn(), is_transient=True)
    bar = progress.add_task("starting", total=None)

    def show(stage: str, share: float) -> None:
        progress.update(bar, description=stage, total=1.0 if share else None, completed=share)

    with progress:
        yield show, lambda sentence: progress.console.print(sentence, highlight=False)


class StudyProgress:
    """Live bars on a terminal, a line now and then elsewhere, nothing when quiet.

    Args:
        console: where it is shown.
        totals: trials to be run by label, of both phases.
        direction: whether a smaller or a larger objective is better.
        objective: the objective's name.
        mode: ``"live"``, ``"plain"`` or ``"quiet"``.
    """

    def __init__(
        self,
        console: Console,
        totals: Mapping[str, int],
        direction: Direction,
        objective: str,
        mode: Mode,
    ) -> None:
        self._console = console
        self._totals = dict(totals)
        self._done = dict.fromkeys(totals, 0)
        self._restored = 0
        self._best: dict[str, float] = {}
        self._sign = 1 if direction == "minimize" else -1
        self._objective = objective
        self._mode = mode
        self._started = time.monotonic()
        self._spoken = -math.inf  # the first trial is shown at once
        self._bars = bars(
            console,
            MofNCompleteColumn(),
            text_column("{task.fields[best]}"),
            TimeElapsedColumn(),
            text_column("{task.fields[pace]}"),
            is_live=mode == "live",
            refreshes=REFRESHES,
        )
        self._tasks = {
            label: self._bars.add_task(label, total=total, best="", pace="")
            for label, total in totals.items()
        }

    def __enter__(self) -> Self:
        # Older releases of Rich end even disabled bars with an empty line.
        if self._mode == "live":
            self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._mode == "live":
            self._bars.stop()

    def restore(self, results: Sequence[TrialResult]) -> None:
        """Count trials that an earlier execution of the same run has finished."""
        for result in results:
            self._count(result)
            self._bars.update(self._tasks[result.trial.label], advance=1)
        self._restored = len(results)

    def trial_finished(self, result: TrialResult, reports: Sequence[Report]) -> None:
        """Show one more finished trial."""
        self._count(result)
        label = result.trial.label
        best = f"best {self._objective} {self._best[label]:.4g}" if label in self._best else ""
        self._bars.update(self._tasks[label], advance=1, best=best, pace=self.pace())
        now = time.monotonic()
        finished = sum(self._done.values()) == sum(self._totals.values())
        if self._mode == "plain" and (finished or now - self._spoken >= PLAIN_INTERVAL):
            self._spoken = now
            self._console.print(self.line(), soft_wrap=True, highlight=False)

    def label_stopped(self, label: str) -> None:
        """Expect no more trials of a label."""
        self._totals[label] = self._done[label]
        self._bars.update(self._tasks[label], total=self._done[label])

    def line(self) -> str:
        """The state in one plain line: trials done, best by label, rate, time left."""
        done, total = sum(self._done.values()), sum(self._totals.values())
        ranked = sorted(self._best.items(), key=lambda item: self._sign * item[1])
        best = [f"{label} {value:.4g}" for label, value in ranked[:MOST_NAMED]]
        best += [f"{len(ranked) - MOST_NAMED} more"] if len(ranked) > MOST_NAMED else []
        shown = f"best {self._objective}: {', '.join(best)}" if best else "no usable trial yet"
        return f"{done}/{total} trials, {shown}, {self.pace()}"

    def pace(self) -> str:
        """Trials per second of this execution, and the time left at that rate.

        The time left is not shown before a tenth of the trials have ended: compiling, which comes
        first, would make hours of minutes.
        """
        done = sum(self._done.values())
        seconds = time.monotonic() - self._started
        rate = (done - self._restored) / seconds if seconds > 0 else 0.0
        if rate == 0.0:
            return ""
        left = (sum(self._totals.values()) - done) / rate
        pace = f"{rate:.2f} trials/s"
        known = done - self._restored >= EARLIEST * (sum(self._totals.values()) - self._restored)
        return f"{pace}, {duration(left)} left" if known else pace

    def _count(self, result: TrialResult) -> None:
        label = result.trial.label
        self._done[label] += 1
        value = result.objective
        if result.trial.phase == "search" and result.status.is_usable and math.isfinite(value):
            best = self._best.get(label, self._sign * math.inf)
            self._best[label] = self._sign * min(self._sign * value, self._sign * best)


class DiagnosisForecast:
    """Says how long all diagnoses will take, as soon as the first trial with one has ended.

    Args:
        left: diagnoses of this execution, at most.
        tell: prints a sentence.
    """

    def __init__(self, left: int, tell: Callable[[str], None]) -> None:
        self._left = left
        self._tell = tell
        self._is_told = False

    def trial_finished(self, result: TrialResult, reports: Sequence[Report]) -> None:
        """Take the time of the first diagnoses for that of all others."""
        request = result.trial.curvature
        count = sum(bool(report.spectrum) for report in reports)
        if self._is_told or not request.epochs or not count:
            return
        self._is_told = True
        each, left = result.seconds.get("curvature", 0.0) / count, max(0, self._left - count)
        if not left:
            return
        self._tell(
            f"A diagnosis of the curvature took {each:.2g} s. The remaining {left} take about "
            f"{duration(left * each)} of one core; fewer rows (curvature.samples) or Lanczos "
            "steps take less."
        )


def duration(seconds: float) -> str:
    """Seconds for people.

    Example:
        >>> duration(7.2), duration(75), duration(4000)
        ('7 s', '1 min 15 s', '1 h 6 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
