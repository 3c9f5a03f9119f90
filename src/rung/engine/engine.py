"""The decisions of a study as a pure state machine: messages in, facts and commands out."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from rung.confirmation import actions as policy
from rung.engine import _errors
from rung.engine._jobs import job_for
from rung.engine._outcomes import after_loss, of_result
from rung.engine.commands import Answer, Discard, Step, Stop, Submit
from rung.engine.confirming import Confirming, event_of, has_no_noise, is_under_way
from rung.errors import Error, TrialError
from rung.execution.base import AttemptId, End, Log, Message, Report, WorkerUp
from rung.schedulers.base import Drop, Finish, Resume, Start, Wait, judged
from rung.searchers.base import Suggestion
from rung.settings import Settings
from rung.space import Config
from rung.study.events import (
    AttemptEnded,
    AttemptStarted,
    Event,
    Judged,
    Noted,
    Outcome,
    Reported,
    SessionEnded,
    TrialCreated,
    TrialDropped,
    Verdict,
    WorkerStarted,
    after_verdict,
)
from rung.study.history import History
from rung.study.state import StudyState
from rung.study.stopping import reason_to_stop, seconds_left
from rung.study.streams import stream
from rung.study.trial import Trial

AT_ONCE = 0.5
"""Seconds that a trial gets to reach its next report when it is stopped."""
TIMEOUT = "timeout"
"""The reason to stop when the time is over."""
GRACE = 5.0
"""Seconds that running trials get to reach their next report when the study stops."""


class Engine:
    """Decides everything; knows no file, no clock and no process.

    It folds each event into `state` as it decides it, so the next decision of the same step sees it.
    """

    def __init__(
        self,
        state: StudyState,
        settings: Settings,
        *,
        grace: float = GRACE,
        confirming: Confirming | None = None,
    ) -> None:
        self.state = state
        self.history = History(state)
        self.settings = settings
        self.searcher = settings.searcher
        self.scheduler = settings.scheduler
        self.grace = grace
        self.confirming = confirming or Confirming.of(settings)
        """How finalists are run again; None if they are not."""
        self.stopping = ""
        """Why no more attempts are started; "" while they are."""
        self.ended = ""
        """Why the search ended before its budget did, if the finalists still run again; "" if it did not."""
        self.error: Error | None = None
        """What the caller of `tune` is to see, when the study can't go on."""
        self.folder: Path | None = None
        """The study's, for the jobs: they keep files in it."""
        self._step = Step()
        self._now = state.t
        self._capacity = 1
        self._over: set[int] = set()
        """Trials whose checkpoints are to be discarded."""
        self._kept = -1
        """The best finished trial, whose checkpoint stays."""
        self._asked = -1
        """How many attempts had ended when the stop rules were asked last."""
        self._by_hand: set[AttemptId] = set()
        """Attempts that were stopped by hand."""
        self._origin = "searcher"
        """Where the configuration proposed last came from."""
        for trial in state.trials:
            if trial.is_finished:
                self._finished(trial.number)

    def handle(self, messages: Iterable[Message], *, now: float, capacity: int) -> Step:
        """Take messages in and decide what follows.

        `now` is the study's clock in seconds; `capacity` is how many attempts may run at once.
        """
        self._now, self._capacity = max(now, self.state.t), capacity
        self._check_time()
        for message in messages:
            self._receive(message)
        self._check_failures()
        left = self._check_rules()
        while not self.stopping and len(self.state.open) < capacity and self._start_one():
            pass
        self._discard()
        if self.stopping and not self.state.open:
            self._emit(SessionEnded(id=f"s{self.state.epoch}/end", t=self._now, reason=self.stopping))
            self._step.finished = True
        elif not self.stopping:
            left = min(left, self.settings.budget.time_left(self._now), self._search_left())
            self._step.wait = None if math.isinf(left) else max(0.0, left)
        return self._taken()

    def _taken(self) -> Step:
        step, self._step = self._step, Step()
        return step

    def stop(self, reason: str, error: Error | None = None) -> None:
        """Start nothing more; attempts that run are asked to end, and run again when the study goes on."""
        if not self.stopping:
            self.stopping, self.error = reason, error
            self._interrupt(self.state.open)

    def end_search(self, reason: str) -> None:
        """Search no more, as by `stop`; if the winner is to be confirmed, that comes first."""
        if self.confirming is None:
            self.stop(reason)
        elif not self.ended:
            self.ended = reason
            self._interrupt(n for n in self.state.open if self.state.trials[n].repeats is None)

    def _interrupt(self, numbers: Iterable[int]) -> None:
        runs = [AttemptId(number, self.state.open[number].number) for number in numbers]
        self._step.commands += [Stop(run, self.grace) for run in runs]

    @property
    def _is_searched(self) -> bool:
        """Whether the search ended before its budget did."""
        # Without noise, the time that was kept for the finalists goes back to the search.
        return bool(self.ended) and not (self.ended == TIMEOUT and has_no_noise(self.history))

    @property
    def _is_confirming(self) -> bool:
        return self.confirming is not None and is_under_way(self.history)

    def _is_to_stop(self, trial: Trial) -> bool:
        return bool(self.stopping) or (trial.repeats is None and self._is_searched)

    def stop_trial(self, number: int, *, now: float) -> None:
        """End a trial for good, by hand, unless it has ended or does not exist."""
        self._now = max(now, self.state.t)
        if number >= len(self.state.trials) or self.state.trials[number].is_finished:
            return
        attempt = self.state.open.get(number)
        if attempt is None:
            self._drop([number])
        elif attempt.verdict != Verdict.STOP:
            run = AttemptId(number, attempt.number)
            self._by_hand.add(run)
            reports = len(self.state.trials[number].reports)
            self._emit(Judged(id=f"{run}/hand", t=self._now, trial=number, attempt=attempt.number,
                              number=reports, verdict=Verdict.STOP.value))  # fmt: skip
            self._step.commands.append(Stop(run, AT_ONCE))

    def _emit(self, event: Event) -> None:
        self.state.apply(event)
        self._step.events.append(event)

    def _check_time(self) -> None:
        if self.settings.budget.time_left(self._now) <= 0:
            self.stop(TIMEOUT)
        elif self._search_left() <= 0:
            self.end_search(TIMEOUT)

    def _search_left(self) -> float:
        """Seconds until what is left of the timeout belongs to the finalists."""
        if self.confirming is None or self.ended:
            return math.inf
        return self.confirming.time_left(self.history, self.settings, self._now)

    def _check_failures(self) -> None:
        if self.state.failed_in_a_row >= self.settings.max_failures:
            self.stop("failures", _errors.too_many(self.state))

    def _check_rules(self) -> float:
        """Stop if a rule says so; returns the seconds until one must be asked again."""
        rules = self.settings.stop_when
        if self.ended or (rules and self._is_confirming):
            return math.inf
        left = seconds_left(rules, self.state, self._now)
        if self._asked != len(self.state.ends) or left <= 0:
            self._asked = len(self.state.ends)
            if reason := reason_to_stop(rules, self.state, self._now):
                self.end_search(f"stop_when: {reason}")
        return left

    # ---- messages in

    def _receive(self, message: Message) -> None:
        match message:
            case Report():
                self._on_report(message)
            case Log():
                self._on_log(message)
            case End():
                self._on_end(_errors.bounded(message))
            case WorkerUp():
                self._on_worker(message)

    def _on_worker(self, up: WorkerUp) -> None:
        if any(worker.worker == up.worker for worker in self.state.workers):
            return  # a repeated message
        event_id = f"s{self.state.epoch}/w{up.worker}"
        self._emit(WorkerStarted(id=event_id, t=self._now, worker=up.worker, backend=up.backend,
                                 identity=up.identity))  # fmt: skip

    def _is_open(self, attempt: AttemptId) -> bool:
        current = self.state.open.get(attempt.trial)
        return current is not None and current.number == attempt.attempt

    def _on_report(self, report: Report) -> None:
        if not self._is_open(report.id):
            self._step.commands.append(Answer(report, Verdict.SUPERSEDED))
            return
        trial, first = self.state.trials[report.id.trial], not self.state.curve.repeated
        last = trial.reports[-1] if trial.reports else None
        if last and last.attempt == report.id.attempt and report.number <= last.number:
            return  # a repeated message: it was logged and its answer is on the way
        self._emit(Reported(id=f"{report.id}/r{report.number}", t=self._now, trial=trial.number,
                            attempt=report.id.attempt, number=report.number, resource=report.resource,
                            metrics=report.metrics, checkpoint=report.checkpoint))  # fmt: skip
        if first and self.state.curve.repeated and not self.state.checkpoints:
            self._step.notes.append(_errors.restarted(trial, self.settings.resource))
        self._step.commands.append(Answer(report, self._judge(report)))

    def _on_log(self, log: Log) -> None:
        if not self._is_open(log.id):
            self._step.commands.append(Answer(log, Verdict.SUPERSEDED))
            return
        notes = self.state.trials[log.id.trial].notes
        if log.number <= sum(note.attempt == log.id.attempt for note in notes):
            return  # a repeated message
        self._emit(Noted(id=f"{log.id}/n{log.number}", t=self._now, trial=log.id.trial,
                         attempt=log.id.attempt, number=log.number, values=log.values,
                         files=log.files))  # fmt: skip
        self._step.commands.append(Answer(log, Verdict.CONTINUE))

    def _judge(self, report: Report) -> Verdict:
        trial = self.state.trials[report.id.trial]
        if (said := trial.attempts[-1].verdict) is not None:
            return Verdict(said)  # the objective went on all the same
        if trial.repeats is not None:  # it is to be seen to its end
            return Verdict.INTERRUPT if self.stopping else Verdict.CONTINUE
        verdict = judged(self.scheduler, self.history, trial)
        if verdict is Verdict.CONTINUE and self._is_to_stop(trial):
            return Verdict.INTERRUPT
        if verdict is not Verdict.CONTINUE:
            event_id = f"{report.id}/r{report.number}/v"
            self._emit(Judged(id=event_id, t=self._now, trial=trial.number, attempt=report.id.attempt,
                              number=report.number, verdict=verdict.value))  # fmt: skip
        return verdict

    def _on_end(self, end: End) -> None:
        if not self._is_open(end.id):
            return  # the end of an attempt that was given up: nothing it says counts
        outcome, reason = end.outcome, end.reason
        if end.broken == "disk":
            self.stop("disk full", _errors.disk_full(end))
        judged = self.state.open[end.id.trial].verdict
        if judged is not None and outcome != Outcome.FAILED:
            outcome = after_verdict(judged)  # however it ended: what was decided holds
            reason = "by hand" if end.id in self._by_hand else reason
        elif outcome == Outcome.COMPLETED:
            outcome, reason, contract = of_result(end, self.state)
            if contract is not None:
                self.stop("broken objective", contract)
        elif end.blameless:
            outcome = Outcome.INTERRUPTED
        elif outcome == Outcome.LOST or (
            outcome == Outcome.INTERRUPTED and not self._is_to_stop(self.state.trials[end.id.trial])
        ):
            # Interrupted without a request: an executor gave it up.
            outcome, reason = after_loss(end, self.state, self.settings.retries)
        elif error := self._error(end):
            # The trial did not fail, the objective's code is wrong: it runs again once that is fixed.
            outcome = after_verdict(judged) if judged else Outcome.INTERRUPTED
            self.stop("error" if isinstance(error, TrialError) else "broken objective", error)
        self._emit(AttemptEnded(id=f"{end.id}/end", t=self._now, trial=end.id.trial, attempt=end.id.attempt,
                                outcome=outcome, metrics=end.metrics, reason=reason,
                                traceback=end.traceback))  # fmt: skip
        if self.state.trials[end.id.trial].is_finished:
            self._finished(end.id.trial)

    def _error(self, end: End) -> Error | None:
        # What stops the study instead of failing the trial.
        if end.broken and not self.state.counts["completed"]:
            return _errors.broken(end)
        if end.traceback and self.settings.on_error == "raise":
            return _errors.raised(end)
        return None

    # ---- decisions out

    def _start_one(self) -> bool:
        confirming = self._is_confirming
        if (number := self._waiting(only_repeats=confirming or self._is_searched)) is not None:
            self._attempt(number, self.state.trials[number].attempts[-1].target)
            return True
        if confirming:
            return self._confirm()
        if self._is_searched:
            return not self.state.open and self._end_of_search()
        match self.scheduler.next(self.history, self._propose):
            case Start(config, target, parent):
                origin = self._origin if parent is None else "scheduler"
                self._attempt(self._create(config, origin, parent), target)
                return True
            case Resume(trial, target):
                self._attempt(trial, target)
                return True
            case Drop(trials):
                self._drop(trials)
                return True
            case Wait() | Finish():
                if not self.state.open:
                    return self._end_of_search()
        return False

    def _waiting(self, *, only_repeats: bool) -> int | None:
        # What the search left running goes on when the search does.
        waiting = (
            n for n in self.state.waiting if self.state.trials[n].repeats is not None or not only_repeats
        )
        return min(waiting, default=None)

    def _end_of_search(self) -> bool:
        if not self._is_searched:
            self._drop([t.number for t in self.state.trials if t.status == Outcome.PAUSED])
        if self._confirm():
            return True
        left = self.settings.budget.trials_left(self.state.counted)
        self.stop(self.ended if self._is_searched else "exhausted" if left else "done")
        return False

    def _confirm(self) -> bool:
        if self.confirming is None:
            return False
        action = self.confirming.next(self.history, self.settings, self._now, self._capacity)
        if (event := event_of(action, self.history, self._now)) is not None:
            self._emit(event)
        elif isinstance(action, policy.Repeat):
            config = self.state.trials[action.trial].config
            self._attempt(self._create(config, "confirm", repeats=action.trial, repeat=action.number))
        return not isinstance(action, policy.Wait | policy.Done)

    def _drop(self, trials: Iterable[int]) -> None:
        for number in trials:
            attempts = len(self.state.trials[number].attempts)
            self._emit(TrialDropped(id=f"t{number}/a{attempts}/drop", t=self._now, trial=number))
            self._finished(number)

    def _finished(self, number: int) -> None:
        if self.settings.keep_checkpoints == "best" and self._is_best(number):
            number, self._kept = self._kept, number
        if self.settings.keep_checkpoints != "all" and number >= 0:
            self._over.add(number)

    def _is_best(self, number: int) -> bool:
        return self.state.best is not None and self.state.best.number == number

    def _discard(self) -> None:
        if not self._over:
            return
        # A child that has not reported yet may still have to copy its parent's checkpoint.
        alive = (*self.state.open, *self.state.waiting)
        needed = {self.state.trials[n].parent for n in alive if not self.state.trials[n].reports}
        for number in sorted(self._over - needed):
            self._step.commands.append(Discard(number))
            self._over.discard(number)

    def _propose(self) -> Config | None:
        created = len(self.state.trials)
        if not self.settings.budget.trials_left(self.state.counted):
            return None
        if self.confirming is not None and not self.confirming.may_search(self.history, self.settings):
            return None
        unseen = (config for config in self.settings.initial_configs if not self.state.seen(config))
        if (config := next(unseen, None)) is not None:
            self._origin = "initial"
            return config
        config = self.searcher.suggest(self.history, stream(self.state.seed, "suggest", created))
        self._origin = config.origin if isinstance(config, Suggestion) else "searcher"
        return config

    def create(self, config: Config, *, now: float) -> Step:
        """Create and start a trial of a configuration that the caller chose."""
        self._now = max(now, self.state.t)
        self._attempt(self._create(config, "user"))
        return self._taken()

    def _create(
        self,
        config: Config,
        origin: str,
        parent: int | None = None,
        repeats: int | None = None,
        repeat: int | None = None,
    ) -> int:
        number = len(self.state.trials)
        self._emit(TrialCreated(id=f"t{number}", t=self._now, trial=number, origin=origin, parent=parent,
                                config=self.state.space.config_to_json(config), repeats=repeats,
                                repeat=repeat))  # fmt: skip
        return number

    def _attempt(self, number: int, target: int | None = None) -> None:
        trial = self.state.trials[number]
        attempt = AttemptId(number, len(trial.attempts) + 1)
        self._emit(AttemptStarted(id=str(attempt), t=self._now, trial=number, attempt=attempt.attempt,
                                  target=target))  # fmt: skip
        job = job_for(self.state, self.settings, attempt, target, self.folder)
        self._step.commands.append(Submit(job))
