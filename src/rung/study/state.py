"""The state of a study: the fold of its events, and nothing else."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from typing import Any

from rung._text import brief
from rung.errors import StorageError, StudyCorrupt
from rung.space import Config, Space
from rung.study.confirmations import NO_NOISE, Confirmation
from rung.study.decoding import check_schema, not_understood, understood
from rung.study.earlier import EarlierStudy
from rung.study.events import (
    AttemptEnded,
    AttemptStarted,
    EarlierStudyRead,
    Event,
    FinalistsChosen,
    FinalReportShown,
    Judged,
    Noted,
    Outcome,
    Reported,
    ResultsImported,
    SessionEnded,
    SessionStarted,
    StudyCreated,
    TrialCreated,
    TrialDropped,
    Verdict,
    WinnerChosen,
    WorkerStarted,
)
from rung.study.metrics import Goals, add_up
from rung.study.notes import Note, check_files, check_values, place
from rung.study.plan import check_plan
from rung.study.reports import Curve, Reports
from rung.study.standing import Standing
from rung.study.trial import IMPORTED, Attempt, Trial
from rung.study.trials import Trials

INVALID_LOG = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RecursionError)
"""Raised when a log is folded that no rung wrote."""


class StudyState:
    """All that is known of a study. Changed by `apply` alone.

    `apply` checks that an event follows from those before it, since a log may be from an untrusted source.
    """

    def __init__(self, created: StudyCreated) -> None:
        check_schema("this study", created.schema)
        self.created = created
        self.space = Space.from_json(created.space)
        self.goals = Goals.from_json(created.goals)
        self.seed = created.seed
        self.trials = Trials()
        self.open: dict[int, Attempt] = {}
        """Attempts without an end, by trial number."""
        self.waiting: set[int] = set()
        """Trials to be run again: interrupted or lost."""
        self.sessions: list[SessionStarted] = []
        self.workers: list[WorkerStarted] = []
        """Workers of the latest session."""
        self.ended = ""
        """Why the latest session ended; "" while it runs or if it was killed."""
        self.torn = False
        """Whether the latest session was cut short in the middle of a step: this may be ahead of the log."""
        self.looks = 0
        """How often the metrics that are only reported were shown."""
        self.events = 1
        self.t = created.t
        self.counts = dict.fromkeys((o.value for o in Outcome), 0)
        """Trials by the outcome of their latest attempt, while none is running; without imported ones."""
        self.n_imported = 0
        """Trials that are earlier results."""
        self.sources: list[str] = []
        """Where they came from, one entry for each time."""
        self.earlier: list[EarlierStudyRead] = []
        """What is learned from other studies."""
        self.failed_in_a_row = 0
        self.curve = Curve(self.goals.report_only)
        """Every report in order: trial, attempt, resource, metrics."""
        self.ends: list[tuple[int, int]] = []
        """Every end of an attempt in order: trial, attempt."""
        self.known: list[tuple[int, int]] = []
        """How long `curve` and `ends` were when each trial was created."""
        self.checkpoints = False
        """Whether any trial has saved a checkpoint."""
        self.last_failed: int | None = None
        """The failed trial of the highest number."""
        self.incumbent: Trial | None = None
        """The best feasible completed trial; see `best`."""
        self.standing = Standing(self)
        """The incumbent, or the front."""
        self.confirmations: list[Confirmation] = []
        """Each choice of finalists with its fresh runs; the last one counts."""
        self._keys: set[str] = set()
        self._keyed = 0

    @classmethod
    def replay(cls, events: Iterable[Event]) -> StudyState:
        """Fold a whole log; raises StudyCorrupt unless it begins with StudyCreated, or StudyNewer."""
        stream = iter(events)
        first = next(stream, None)
        if not isinstance(first, StudyCreated):
            raise StudyCorrupt(f"the log begins with {first!r}, not with StudyCreated")
        try:
            state = cls(first)
        except INVALID_LOG as error:
            raise _unfollowed(first, error, {}) from error
        state.follow(stream)
        return state

    def follow(self, events: Iterable[Event]) -> None:
        """Take in the events of a log that come next; raises StudyCorrupt unless they do, or StudyNewer."""
        for event in understood(events, self._versions):
            try:
                self.apply(event)
            except INVALID_LOG as error:
                raise _unfollowed(event, error, self._versions) from error

    @property
    def _versions(self) -> Mapping[str, Any]:
        return self.sessions[-1].versions if self.sessions else {}

    @property
    def epoch(self) -> int:
        """How often a coordinator took the study."""
        return self.sessions[-1].epoch if self.sessions else 0

    @property
    def plan(self) -> Mapping[str, Any]:
        """What the latest session was asked for."""
        return self.sessions[-1].plan if self.sessions else {}

    @property
    def resource(self) -> str:
        """What the resource is called."""
        return str(self.plan.get("resource", "epoch"))

    @property
    def counted(self) -> int:
        """Trials that count towards `n_trials`: all but the imported ones."""
        return len(self.trials) - self.n_imported

    def copy(self) -> StudyState:
        """A state that goes its own way: what is applied to it leaves this one as it is."""
        own = copy.copy(self)
        own.curve = self.curve.copy()
        own.trials, own.standing = Trials(), Standing(own)
        for trial in self.trials:
            own.trials.append(trial if trial.is_finished else trial.copy(own.curve))
        own.open = {number: own.trials[number].attempts[-1] for number in self.open}
        lists = ("waiting", "sessions", "workers", "counts", "ends", "known", "sources", "earlier", "_keys")
        for name in lists:
            setattr(own, name, copy.copy(getattr(self, name)))
        return own

    def seen(self, config: Config) -> bool:
        """Whether a trial with this configuration exists."""
        for number in range(self._keyed, len(self.trials)):
            self._keys.add(self.space.key(self.trials[number].config))
        self._keyed = len(self.trials)
        return self.space.key(config) in self._keys

    def digest(self) -> str:
        """A fingerprint of everything that was decided and observed, without times."""
        facts = [
            [t.number, t.status, t.value, self.space.config_to_json(t.config), t.origin]
            + [[r.resource, sorted(r.metrics.items())] for r in t.reports]
            + [[a.number, a.outcome] for a in t.attempts]
            for t in self.trials
        ]
        return blake2b(json.dumps(facts).encode(), digest_size=16).hexdigest()

    def apply(self, event: Event) -> None:
        """Take one more event in."""
        self.events += 1
        self.t = max(self.t, event.t)
        _APPLY[type(event)](self, event)

    def _created_again(self, event: StudyCreated) -> None:
        raise StudyCorrupt(f"event {event.id!r}: a second {event.kind}")

    def _session_started(self, event: SessionStarted) -> None:
        self.sessions.append(event)  # first: if its plan is wrong, its versions say why
        check_plan(event.plan)
        self.workers.clear()
        self.ended = ""
        self.failed_in_a_row = 0

    def _session_ended(self, event: SessionEnded) -> None:
        self.ended = event.reason

    def _worker_started(self, event: WorkerStarted) -> None:
        self.workers.append(event)

    def _final_report_shown(self, event: FinalReportShown) -> None:
        self.looks += 1

    def _results_imported(self, event: ResultsImported) -> None:
        self.sources.append(event.source)

    def _earlier_study_read(self, event: EarlierStudyRead) -> None:
        if self.trials:
            raise ValueError(f"{event.source!r} is read after {len(self.trials)} trials")
        EarlierStudy.of(event, self.space)
        self.earlier.append(event)

    def _judged(self, event: Judged) -> None:
        self._running(event).verdict = Verdict(event.verdict)

    def _running(self, event: Judged | Reported | Noted | AttemptEnded) -> Attempt:
        attempt = self.open[event.trial]
        if attempt.number != event.attempt:
            raise ValueError(f"attempt {event.attempt} is not the one that runs, {attempt.number}")
        return attempt

    def _trial_dropped(self, event: TrialDropped) -> None:
        trial = self._trial(event.trial)
        self.counts[trial.status] -= 1
        trial.status = Outcome.STOPPED
        self.waiting.discard(trial.number)
        self.counts[trial.status] += 1

    def _trial_created(self, event: TrialCreated) -> None:
        if event.trial != len(self.trials) or not (event.parent is None or 0 <= event.parent < event.trial):
            raise ValueError(f"trial {event.trial} of parent {event.parent}, after {len(self.trials)} trials")
        config = self.space.validate(self.space.config_from_json(event.config))
        self.known.append((len(self.curve), len(self.ends)))
        reports = Reports(self.curve)
        trial = Trial(event.trial, config, event.origin, event.t, reports, event.parent)
        if event.repeats is not None:
            self._repeated(trial, event.repeats, event.repeat)
        self.trials.append(trial)
        self.n_imported += event.origin == IMPORTED

    def _repeated(self, trial: Trial, repeats: int, repeat: int | None) -> None:
        current = self.confirmations[-1]
        if repeat is None or repeat < current.first or not current.may_repeat(repeats):
            raise ValueError(f"trial {repeats} is not to be run again, on seed {repeat}")
        if trial.config != self.trials[repeats].config:
            raise ValueError(f"not the configuration of trial {repeats}, which it repeats")
        trial.repeats, trial.repeat = repeats, repeat
        (current.choosing if current.winner is None else current.claiming).append(trial.number)

    def _finalists_chosen(self, event: FinalistsChosen) -> None:
        chosen = (*event.trials, *event.compared)
        if not event.trials or len(set(chosen)) < len(chosen) or not 0 <= event.claim <= event.runs:
            raise ValueError(f"finalists {event.trials}, {event.runs} runs, {event.claim} of them to claim")
        if any(self._trial(number).status != Outcome.COMPLETED for number in chosen):
            raise ValueError(f"not all of trials {chosen} have completed")
        used = [self.trials[n].repeat or 0 for c in self.confirmations for n in c.repeats]
        self.confirmations.append(
            Confirmation(
                tuple(event.trials), event.runs, event.claim, tuple(event.compared), max(used, default=-1) + 1
            )
        )

    def _winner_chosen(self, event: WinnerChosen) -> None:
        current = self.confirmations[-1]
        if current.winner is not None or event.trial not in current.finalists:
            raise ValueError(f"trial {event.trial} as winner of {current.finalists}")
        current.winner, current.reason = event.trial, event.reason

    def _trial(self, number: int) -> Trial:
        if number < 0:
            raise ValueError(f"trial {number}")
        return self.trials[number]

    def _attempt_started(self, event: AttemptStarted) -> None:
        trial = self._trial(event.trial)
        if event.trial in self.open or trial.is_finished or event.attempt != len(trial.attempts) + 1:
            raise ValueError(f"attempt {event.attempt} of a trial that is {trial.status}")
        if trial.attempts:
            self.counts[trial.status] -= 1
        trial.status = "running"
        attempt = Attempt(event.attempt, event.t, event.target)
        trial.attempts.append(attempt)
        self.open[event.trial] = attempt
        self.waiting.discard(event.trial)

    def _reported(self, event: Reported) -> None:
        self._running(event)
        if event.resource < 1:
            raise ValueError(f"resource {event.resource}")
        self.trials[event.trial].reports.add(event)
        self.checkpoints = self.checkpoints or event.checkpoint

    def _noted(self, event: Noted) -> None:
        self._running(event)
        files = {name: place(event.trial, file) for name, file in check_files(event.files).items()}
        note = Note(event.attempt, event.t, check_values(event.values), files)
        self.trials[event.trial].notes.append(note)

    def _attempt_ended(self, event: AttemptEnded) -> None:
        attempt, trial = self._running(event), self.trials[event.trial]
        del self.open[event.trial]
        attempt.ended, attempt.outcome = event.t, event.outcome
        attempt.reason, attempt.traceback = event.reason, event.traceback
        trial.status = Outcome(event.outcome)
        self.ends.append((trial.number, attempt.number))
        self.counts[trial.status] += not trial.is_imported
        if trial.is_waiting:
            self.waiting.add(trial.number)
        self._conclude(trial, event.metrics)

    def _conclude(self, trial: Trial, metrics: Mapping[str, float]) -> None:
        last = trial.reports[-1] if trial.reports else None
        shown, held_back = self.goals.split(metrics)
        add_up(shown, trial.metrics)
        trial.metrics = {**last.metrics, **shown} if last else shown
        trial.held_back = {**last.held_back, **held_back} if last else held_back
        if trial.status == Outcome.FAILED:
            self.failed_in_a_row += trial.repeats is None
            self.last_failed = max(trial.number, self.last_failed or 0)
            trial.value = None
        elif trial.status in {Outcome.COMPLETED, Outcome.STOPPED, Outcome.PAUSED}:
            self.failed_in_a_row *= trial.repeats is not None
            trial.value = trial.metrics.get(self.goals.first.name)
            trial.feasible = self.goals.feasible(trial.metrics)
        if trial.repeats is not None:
            return  # what chose is one thing, what confirms another
        if trial.status == Outcome.COMPLETED and trial.feasible and self._beats(trial, self.incumbent):
            self.incumbent = trial

    @property
    def searched(self) -> list[Trial]:
        """The trials of the search: all but repeats."""
        return [trial for trial in self.trials if trial.repeats is None]

    @property
    def confirmed(self) -> Confirmation | None:
        """The confirmation whose winner holds: all its runs are over, and nothing was searched for since."""
        current = self.confirmations[-1] if self.confirmations else None
        if current is None or current.winner is None or len(self.goals.metrics) > 1:
            return None
        return current if self._holds(current) else None

    @property
    def confirmed_front(self) -> Confirmation | None:
        """Of several objectives, the confirmation whose points of the front hold."""
        current = self.confirmations[-1] if self.confirmations else None
        if current is None or len(self.goals.metrics) == 1:
            return None
        return current if self._holds(current) else None

    def _holds(self, current: Confirmation) -> bool:
        if current.reason == NO_NOISE:
            return True
        over = all(self.trials[number].is_finished for number in current.repeats)
        whole = len(current.choosing) + len(current.claiming) == current.runs
        return over and whole and self.trials[-1].repeats is not None

    def _beats(self, trial: Trial, best: Trial | None) -> bool:
        if best is None or best.value is None or trial.value is None:
            return trial.value is not None and not math.isnan(trial.value)
        return self.goals.first.better(trial.value, best.value)

    @property
    def best(self) -> Trial | None:
        """The best feasible completed trial by the first metric.

        Before any has completed: of the stopped and paused ones that got furthest, the best.
        """
        if self.incumbent is not None or not self.curve:
            return self.incumbent
        halted = [t for t in self.searched if t.status in {Outcome.STOPPED, Outcome.PAUSED} and t.feasible]
        furthest = max((t.resource for t in halted), default=0)
        best: Trial | None = None
        for trial in halted:
            if trial.resource == furthest and self._beats(trial, best):
                best = trial
        return best


def _unfollowed(event: Event, error: Exception, versions: Mapping[str, Any]) -> StorageError:
    problem = f"event {brief(event.id)} does not follow from those before it: {brief(error, 200)}"
    return not_understood(problem, versions)


_APPLY: dict[type[Event], Callable[[StudyState, Any], None]] = {
    StudyCreated: StudyState._created_again,
    SessionStarted: StudyState._session_started,
    SessionEnded: StudyState._session_ended,
    WorkerStarted: StudyState._worker_started,
    FinalReportShown: StudyState._final_report_shown,
    FinalistsChosen: StudyState._finalists_chosen,
    WinnerChosen: StudyState._winner_chosen,
    ResultsImported: StudyState._results_imported,
    EarlierStudyRead: StudyState._earlier_study_read,
    Judged: StudyState._judged,
    TrialCreated: StudyState._trial_created,
    AttemptStarted: StudyState._attempt_started,
    Reported: StudyState._reported,
    Noted: StudyState._noted,
    AttemptEnded: StudyState._attempt_ended,
    TrialDropped: StudyState._trial_dropped,
}
