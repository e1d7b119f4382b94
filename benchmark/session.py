"""One run of a study from its text to its report: the parts are joined here."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from benchmark import backend
from benchmark.curvature import exact_plan
from benchmark.engine import EngineChoice
from benchmark.engine.memory import TooLargeError
from benchmark.errors import UserError
from benchmark.execution import Engine, Execution, Observer
from benchmark.mirroring import CLOSE_SECONDS, finish_tracker, start_tracker
from benchmark.results import RunWriter, environment, read_environment, read_records
from benchmark.search import Diagnosis, Search
from benchmark.session_summary import summary_of
from benchmark.study import Study
from benchmark.study_file import study_of_run
from benchmark.study_resolution import learns_from_trials, optimizer_notices, search_settings
from benchmark.tracking import Tracker, Unsent
from benchmark.trial import TrialResult


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """What the command line decides about a run, beside the study itself.

    Args:
        results: the folder of all results.
        storage: an Optuna storage URL, or nothing for the journal in the run folder.
        tracking_uri: the MLflow store, or nothing for no tracking.
        notify: shows a sentence to the user.
        engine: what trains a new run; a resumed run keeps its own.
    """

    results: Path
    storage: str | None
    tracking_uri: str | None
    notify: Callable[[str], None]
    engine: EngineChoice = field(default_factory=EngineChoice)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a session ended.

    Args:
        path: the run folder.
        finished: whether the whole budget was spent; otherwise the run can be resumed.
        summary: what ``summary.json`` holds.
        report: the report, where one was made.
        unsent: what MLflow has not received yet; true where there is anything.
        elapsed: wall-clock seconds of this execution.
    """

    path: Path
    finished: bool
    summary: Mapping[str, Any]
    report: Path | None
    unsent: Unsent
    elapsed: float


class Session:
    """A run that is open for training; :meth:`create` and :meth:`resume` make it.

    Args:
        writer: the run folder.
        study: the study of that run.
        settings: what the command line decided.
        finished: the results of an earlier execution of the same run.
    """

    def __init__(
        self,
        writer: RunWriter,
        study: Study,
        settings: SessionSettings,
        finished: Sequence[TrialResult] = (),
        *,
        resumed: bool = False,
    ) -> None:
        self._writer = writer
        self._study = study
        self._settings = settings
        self._resumed = resumed
        self.finished = tuple(finished)
        self.search_settings = search_settings(study)
        self._search = Search(
            study,
            self.search_settings,
            settings.storage or writer.path,
            run=writer.path.name,
            resume=resumed,
        )
        self._search.restore(self.finished)

    @classmethod
    def create(cls, text: str, study: Study, settings: SessionSettings, name: str | None) -> Self:
        """Make a new run folder.

        Args:
            text: the study file, frozen in the run folder.
            study: the same, read and checked.
            settings: what the command line decided.
            name: the run's name; by default the time.
        """
        engine = settings.engine.suited(
            learns=learns_from_trials(study), device=backend.devices()[0]
        )
        settings = replace(settings, engine=engine)
        facts = environment(backend.name(), backend.devices(), seed=study.seed, **engine.facts())
        # A storage's password must not reach the disk, so only a harmless address is kept.
        shared = settings.storage if settings.storage and "@" not in settings.storage else None
        notices = optimizer_notices(study, vectorized=engine.name == "vectorized")
        for sentence in notices:
            settings.notify(sentence)
        facts |= {"storage": shared, **({"notices": notices} if notices else {})}
        writer = RunWriter.create(settings.results, study.name, text, facts, name)
        try:
            return cls(writer, study, settings)
        except BaseException:
            writer.abandon()  # or `latest` would be a run without a trial
            raise

    @classmethod
    def resume(cls, path: Path, settings: SessionSettings) -> Self:
        """Go on with an interrupted run.

        Args:
            path: the run folder.
            settings: as for a new run; without ``storage`` the run's own is taken, and
                its own engine always: with another capacity the sampler would learn from
                other trials.
        """
        study = study_of_run(path)
        facts = read_environment(path)
        settings = replace(
            settings,
            storage=settings.storage or facts.get("storage"),
            engine=EngineChoice.of_run(facts),
        )
        writer = RunWriter.reopen(path)
        try:
            finished = [result for result, _ in read_records(path)]
            return cls(writer, study, settings, finished, resumed=True)
        except BaseException:
            writer.close()
            raise

    @property
    def name(self) -> str:
        """``<study>/<run>``."""
        return self._writer.name

    @property
    def engine(self) -> EngineChoice:
        """What trains, unless :meth:`run` is given an engine."""
        return self._settings.engine

    @property
    def question(self) -> str:
        """The question of the study."""
        return self._study.question

    @property
    def curvature_cost(self) -> str:
        """What the largest Hessian that is formed may cost; empty where none is asked for."""
        section = self._study.curvature
        limit = max(section.exact_limit, section.lanczos_steps)
        if section.trials == "none" and not section.diagnosed:
            return ""
        plan = exact_plan(limit)
        rows = f"up to {section.samples}" if section.samples else "all"
        return (
            f"Curvature: the whole Hessian of a model of up to {limit} parameters, else "
            f"{section.lanczos_steps} Lanczos steps. {plan.sentence} Up to {self.diagnoses_left} "
            f"diagnoses, each over {rows} training examples; the first tells how long they take."
        )

    @property
    def diagnoses_left(self) -> int:
        """How many times the curvature of a trial will be diagnosed, at most."""
        section, budget = self._study.curvature, self._study.budget
        per_label = len(set(section.diagnosed))
        per_label += budget.replicates if section.trials in ("replicate", "all") else 0
        trials = per_label * len(self._search.totals)
        trials += sum(self._search.totals.values()) if section.trials in ("search", "all") else 0
        trials -= sum(bool(result.trial.curvature.epochs) for result in self.finished)
        return max(0, trials) * (2 if section.epochs is None else len(section.epochs))

    @property
    def path(self) -> Path:
        """The run folder."""
        return self._writer.path

    def totals(self) -> dict[str, int]:
        """Trials of all phases by label; of those diagnosed at most so many."""
        replicates = self._study.budget.replicates + len(set(self._study.curvature.diagnosed))
        return {label: count + replicates for label, count in self._search.totals.items()}

    def run(
        self,
        observers: Sequence[Observer],
        stop_requested: Callable[[], bool],
        engine: Engine | None = None,
    ) -> Outcome:
        """Train, record, report; returns when the budget is spent or a stop was requested.

        Args:
            observers: are told of each finished trial.
            stop_requested: asked after every epoch.
            engine: what trains; by default one that the settings choose, which is closed at
                the end.

        Raises:
            UserError: the engine cannot be started, or a trial cannot fit into memory.
        """
        started = time.perf_counter()
        engines = ExitStack()
        if engine is None:
            engine = self._start_engine()
            engines.callback(engine.close)
        with engines:
            tracker = self._start_tracker()
            execution = Execution(
                engine,
                self._search,
                self._writer,
                [*observers, *([tracker] if tracker else [])],
                stop_requested,
                self.finished,
            )
            finished, report, unsent = False, None, Unsent()
            try:
                finished = execution.run_search() and execution.run_replicates(
                    [
                        *self._search.replicates(execution.best),
                        *(one.trial for one in self._diagnoses(execution)),
                    ]
                )
                engines.close()  # what it held is free while the report is made
                summary = summary_of(
                    self._study,
                    self.path.name,
                    self.search_settings,
                    execution.results.values(),
                    best=execution.best,
                    diagnoses=self._diagnoses(execution) if finished else (),
                    seconds=execution.seconds,
                    finished=finished,
                )
                if finished:
                    report = self._finish(summary)
            except TooLargeError as error:
                self._writer.abandon()  # keeps what has finished
                raise UserError(f"{error} The study is {self._study.name}.") from None
            finally:
                if tracker is not None:
                    finish_tracker(tracker, self.path, execution.best.values(), report)
                    unsent = tracker.close(CLOSE_SECONDS, self._settings.notify)
                self._search.close()
                self._writer.close()
        elapsed = time.perf_counter() - started
        return Outcome(self.path, finished, summary, report, unsent, elapsed)

    def _diagnoses(self, execution: Execution) -> list[Diagnosis]:
        return self._search.diagnoses(execution.results.values())

    def _start_engine(self) -> Engine:
        """Make the engine that the settings choose, or leave no run without a trial."""
        try:
            return self._build_engine()
        except BaseException:
            self._search.close()
            if self._resumed:
                self._writer.close()
            else:
                self._writer.abandon()
            raise

    def _build_engine(self) -> Engine:
        facts = self.engine.facts()
        if "workers" not in facts:
            return self.engine.build(self._settings.notify)
        from benchmark.distributed import DistributedEngine, gpus

        return DistributedEngine(
            facts["workers"], facts["capacity"], backend.name(), gpus(), self._settings.notify
        )

    def _start_tracker(self) -> Tracker | None:
        if self._settings.tracking_uri is None:
            return None
        folder = self.path if self._resumed else None
        return start_tracker(
            self.path, self._study, self._settings.tracking_uri, self._settings.notify, folder
        )

    def _finish(self, summary: Mapping[str, Any]) -> Path:
        from benchmark.report import write_report

        self._writer.finish(summary)
        return write_report(self.path)
