"""One run of a study from its text to its report: the parts are joined here."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from benchmark import backend
from benchmark.curvature import exact_plan
from benchmark.engine import EngineChoice
from benchmark.engine.memory import TooLargeError
from benchmark.errors import UserError
from benchmark.execution import FIRST, Engine, Execution, Observer
from benchmark.optimizers.provenance import recorded_sources
from benchmark.results import (
    RunWriter,
    check_unedited,
    earlier_records,
    environment,
    is_extending,
    read_environment,
    read_records,
)
from benchmark.search import Diagnosis, Search
from benchmark.search.storage import recorded_storage, storage_facts
from benchmark.session.dataset import write_dataset_facts
from benchmark.session.extension import complete_extension, train_missing_weights
from benchmark.session.finishing import Products, close_tracker, make_products
from benchmark.session.mirroring import start_tracker
from benchmark.session.resolution import (
    check_model_of_run,
    learns_from_trials,
    once,
    optimizer_notices,
    search_settings,
)
from benchmark.session.summary import say_spent, summary_of
from benchmark.study.loading import study_of_run
from benchmark.study.model_options import programs_sentence
from benchmark.study.schema import Study
from benchmark.tracking import Tracker, Unsent
from benchmark.trial import TrialResult


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """What the command line decides about a run, in addition to the study.

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
        self._known = list(earlier_records(writer.path)) if resumed else []
        self._search = Search(
            study,
            self.search_settings,
            settings.storage or writer.path,
            run=writer.path.name,
            resume=resumed,
        )
        lost = self._search.restore(self.finished)
        if lost:
            numbers = ", ".join(map(str, lost))
            settings.notify(f"Trained again, because their records are gone: trials {numbers}.")

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
        # The engine says again of a trial what the notices say of its optimizer.
        settings = replace(settings, engine=engine, notify=once(settings.notify))
        facts = environment(backend.name(), backend.devices(), seed=study.seed, **engine.facts())
        notices = optimizer_notices(study, vectorized=engine.name == "vectorized")
        notices += filter(None, [programs_sentence(study)])
        for sentence in notices:
            settings.notify(sentence)
        names = [*(entry.optimizer for entry in study.compare), study.problem.model.name]
        code = recorded_sources(names)
        facts |= {**storage_facts(settings.storage), **({"notices": notices} if notices else {})}
        facts |= {"code": code} if code else {}
        writer = RunWriter.create(settings.results, study.name, text, facts, name)
        try:
            write_dataset_facts(writer.path, study)
            return cls(writer, study, settings)
        except BaseException:
            writer.abandon()  # or `latest` would be a run without a trial
            raise

    @classmethod
    def resume(cls, path: Path, settings: SessionSettings, extended: str | None = None) -> Self:
        """Go on with an interrupted run, or with more trials than it was started with.

        Args:
            path: the run folder.
            settings: as for a new run; without ``storage`` the run's own is taken, and
                its own engine always: with another capacity the sampler would learn from
                other trials.
            extended: the study with a larger budget, if more trials are asked for.

        Raises:
            EditedStudyError: the study is not the one that the run was started with.
        """
        if not is_extending(path):
            check_unedited(path)
        study = study_of_run(path)
        check_model_of_run(study)
        facts = read_environment(path)
        if extended is not None or is_extending(path):
            storage = settings.storage or recorded_storage(facts, path)
            complete_extension(path, extended, study, storage)
            check_unedited(path)
            study, facts = study_of_run(path), read_environment(path)
        if not facts.get("study"):
            settings.notify(
                "This run was made by an earlier release, which did not record its study, so it is "
                "unknown whether study.toml was edited since."
            )
        settings = replace(
            settings,
            storage=settings.storage or recorded_storage(facts, path),
            engine=EngineChoice.of_run(facts),
        )
        writer = RunWriter.reopen(path)
        try:
            write_dataset_facts(path, study)
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
    def plan(self) -> str:
        """How many trials will be trained, and why more than the search tries."""
        searched, budget = self._search.totals, self._study.budget
        ranks = len(set(self._study.curvature.diagnosed))
        count, labels = sum(searched.values()), len(searched)
        counts = {str(number) for number in searched.values()}
        each = counts.pop() if len(counts) == 1 else " + ".join(map(str, searched.values()))
        each = f"{labels} × {each}" if each.isdigit() else each
        parts = [f"{each} in the search"]
        if budget.replicates:
            parts.append(f"{labels} × {budget.replicates} replicates of the best settings")
        if ranks:
            parts.append(f"{labels} × {ranks} repeated for the curvature diagnosis")
        total = count + labels * (budget.replicates + ranks)
        done = f" {len(self.finished)} of them are done already." if self.finished else ""
        if self._known:
            done += f" {len(self._known)} trials of the smaller budget are not trained again."
        return f"Training at most {total} trial{'s' * (total != 1)}: {', '.join(parts)}.{done}"

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
            f"Curvature: the whole Hessian for models with up to {limit} parameters, otherwise "
            f"{section.lanczos_steps} Lanczos steps. {plan.sentence} At most {self.diagnoses_left} "
            f"diagnoses, each over {rows} training examples; after the first it is known how long "
            "the others take."
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
        """The largest number of trials of all phases, by label."""
        replicates = self._study.budget.replicates + len(set(self._study.curvature.diagnosed))
        return {label: count + replicates for label, count in self._search.totals.items()}

    def run(
        self,
        observers: Sequence[Observer],
        stop_requested: Callable[[], bool],
        engine: Engine | None = None,
        label_stopped: Callable[[str], None] | None = None,
    ) -> Outcome:
        """Train, record, report; returns when the budget is spent or a stop was requested.

        Args:
            observers: are told of each finished trial.
            stop_requested: asked after every epoch.
            engine: what trains; by default one that the settings choose, which is closed at
                the end.
            label_stopped: is told of a label that gets no more trials, since its first ones
                all failed.

        Raises:
            UserError: the engine cannot be started, or a trial cannot fit into memory.
        """

        def stopped(label: str, reason: str) -> None:
            self._settings.notify(f"{label} is stopped: its first {FIRST} trials failed. {reason}")
            if label_stopped is not None:
                label_stopped(label)

        started = time.perf_counter()
        engines = ExitStack()
        if engine is None:
            engine = self._start_engine()
            engines.callback(engine.close)
        with closing(self._writer), closing(self._search), engines:
            tracker = self._start_tracker()
            execution = Execution(
                engine,
                self._search,
                self._writer,
                [*observers, *([tracker] if tracker else [])],
                stop_requested,
                self.finished,
                stopped,
                [tracker] if tracker else [],
            )
            products, unsent = None, Unsent()
            try:
                finished = self._train(execution, engine)
                engines.close()  # what it held is free while the report is made
                summary = summary_of(
                    self._study,
                    self.path.name,
                    self.search_settings,
                    execution.results.values(),
                    best=execution.best,
                    diagnoses=self._diagnoses(execution) if finished else (),
                    stopped=execution.stopped,
                    spent=self._search.spent,
                    seconds=execution.seconds,
                    finished=finished,
                )
                if finished:
                    products = self._finish(summary, execution.best.values())
            except TooLargeError as error:
                self._writer.abandon()  # keeps what has finished
                raise UserError(f"{error} The study is {self._study.name}.") from None
            finally:
                if tracker is not None:
                    unsent = close_tracker(tracker, products, self._settings.notify)
            if products is not None:
                self._writer.mark_finished(products.files)
        elapsed = time.perf_counter() - started
        report = products.report if products else None
        return Outcome(self.path, finished, summary, report, unsent, elapsed)

    def _train(self, execution: Execution, engine: Engine) -> bool:
        """Train the search, then the replicates; returns whether the budget was spent."""
        is_searched = execution.run_search()
        say_spent(self._search.spent, self._settings.notify)
        if not is_searched:
            return False
        if self._known:
            train_missing_weights(self.path, execution.best.values(), engine)
        replicates = self._search.replicates(execution.best)
        diagnosed = (diagnosis.trial for diagnosis in self._diagnoses(execution))
        return execution.run_replicates([*replicates, *diagnosed])

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
            return self.engine.build(self._settings.notify, self._known)
        from benchmark.distributed import DistributedEngine, gpus

        workers, notify = facts["workers"], self._settings.notify
        return DistributedEngine(
            workers, facts["capacity"], backend.name(), gpus(), notify, known=self._known
        )

    def _start_tracker(self) -> Tracker | None:
        if self._settings.tracking_uri is None:
            return None
        folder = self.path if self._resumed else None
        return start_tracker(
            self.path, self._study, self._settings.tracking_uri, self._settings.notify, folder
        )

    def _finish(self, summary: Mapping[str, Any], best: Iterable[TrialResult]) -> Products:
        self._writer.finish(summary)
        return make_products(self.path, best, self._settings.notify)
