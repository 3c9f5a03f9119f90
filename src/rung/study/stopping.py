"""When a study stops before its budget is used up: `tune(stop_when=...)`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from rung._text import brief, is_iterable
from rung.errors import ArgumentError, NoTrialError
from rung.study.budget import seconds, whole
from rung.study.events import FINAL
from rung.study.metrics import Constraint, Goals, Metric

if TYPE_CHECKING:
    from rung.study.state import StudyState
    from rung.study.trial import Trial

_PATIENCE = re.compile(r"no improvement in (?:(\d{1,18}) trials?|(.+))")
_MOST = 100
"""Rules of a study; a list of them may be something without end."""
_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Target:
    """Stop once the best trial's metric is as good as `value`.

    Trials that have completed and keep the constraints count, as for `Study.best_value`. As text:
    `stop_when="<= 0.05"`, or `">= 0.9"` with `mode="max"`.

    Parameters
    ----------
    value : float
        A value of the tuned metric.
    """

    value: float

    def __post_init__(self) -> None:
        if isinstance(self.value, bool) or not isinstance(self.value, int | float) or math.isnan(self.value):
            raise ArgumentError(f"Target: value={brief(self.value)}; give a number, such as Target(0.05)")

    def __str__(self) -> str:
        return self._said

    def reason(self, state: StudyState, _now: float) -> str:
        """Why the study is to stop, or ""."""
        best, metric = state.incumbent, state.goals.first
        if best is None or best.value is None or not self._is_reached(best.value, metric):
            return ""
        return f"{self._said} reached, {metric.name} = {best.value:g}"

    @property
    def _said(self) -> str:
        return f"target {self.value:g}"

    def _is_reached(self, value: float, metric: Metric) -> bool:
        return not metric.better(self.value, value)

    def seconds_left(self, _state: StudyState, _now: float) -> float:
        """When it must be asked again though no trial has ended: never."""
        return math.inf


@dataclass(frozen=True, slots=True)
class NoImprovement:
    """Stop once the best trial has been the best for long.

    It counts from the end of the first completed trial on. As text: `stop_when="no improvement in 20 trials"`
    or `"no improvement in 2h"`.

    Parameters
    ----------
    trials : int, optional
        How many trials have completed, failed or been stopped since.
    hours : float, optional
        How many hours the study has run since; a night between two sessions does not count.
    """

    trials: int | None = None
    hours: float | None = None

    def __post_init__(self) -> None:
        if self.trials is None and self.hours is None:
            raise ArgumentError("NoImprovement: give trials=20 or hours=2")
        if self.trials is not None:
            whole("NoImprovement: trials", self.trials, 1)
        if self.hours is not None:
            if not isinstance(self.hours, int | float):
                raise ArgumentError(f"NoImprovement: hours={brief(self.hours)}; give a number, such as 1.5")
            seconds(self.hours, "NoImprovement: hours")

    def __str__(self) -> str:
        trials = [] if self.trials is None else [f"{self.trials} trials"]
        hours = [] if self.hours is None else [f"{self.hours:g}h"]
        return f"no improvement in {' or '.join(trials + hours)}"

    def reason(self, state: StudyState, now: float) -> str:
        """Why the study is to stop, or ""."""
        best = state.incumbent
        if best is None:
            return ""
        if self.trials is not None and _ended_since(state, best, self.trials):
            return str(NoImprovement(trials=self.trials))
        return str(NoImprovement(hours=self.hours)) if self.seconds_left(state, now) <= 0 else ""

    def seconds_left(self, state: StudyState, now: float) -> float:
        """When it must be asked again though no trial has ended."""
        best = state.incumbent
        if self.hours is None or best is None or best.ended is None:
            return math.inf
        return best.ended + _HOUR * self.hours - now


def _ended_since(state: StudyState, best: Trial, enough: int) -> bool:
    """Whether so many trials have ended for good since the best one did."""
    for number, attempt in reversed(state.ends):
        if number == best.number:
            return False
        trial = state.trials[number]
        enough -= trial.repeats is None and trial.attempts[attempt - 1].outcome in FINAL
        if not enough:
            return True
    return False


Rule = Target | NoImprovement
StopRule = str | Rule | Callable[[Any], object]
"""One rule of `stop_when`; a callable gets the study, a `StudyView`."""
StopWhen = StopRule | Iterable[StopRule] | None


def rules_of(name: str, value: Any) -> tuple[Rule | Callable[[Any], object], ...]:
    """The rules of what `tune` takes, those in text read; raises ArgumentError."""
    if value is None:
        return ()
    many: Sequence[Any] = [value]
    if not isinstance(value, str) and not callable(value) and is_iterable(value):
        many = list(islice(value, _MOST + 1))
    if len(many) > _MOST:
        raise ArgumentError(f"{name}: more than {_MOST} rules; one function of the study can hold them all")
    return tuple(_rule(name, rule) for rule in many if rule != "never")


def _rule(name: str, rule: Any) -> Rule | Callable[[Any], object]:
    if isinstance(rule, type) and rule in {Target, NoImprovement}:
        raise ArgumentError(
            f"{name}={rule.__name__}; call it, as in Target(0.05) or NoImprovement(trials=20)"
        )
    if isinstance(rule, Rule):
        return rule
    if callable(rule):
        return cast("Callable[[Any], object]", rule)
    read = _read(rule) if isinstance(rule, str) else None
    if read is None:
        raise ArgumentError(
            f'{name}={brief(rule)}; write "<= 0.05", "no improvement in 20 trials" or "... 2h", '
            "or give rung.Target, rung.NoImprovement, a function of the study, or a list of these"
        )
    return read


def _read(text: str) -> Rule | None:
    try:
        if found := _PATIENCE.fullmatch(" ".join(text[:200].split())):
            trials, time = found.groups()
            if trials:
                return NoImprovement(trials=int(trials))
            return NoImprovement(hours=seconds(time, "no improvement in") / _HOUR)
        return _Bound.parse(text)
    except ArgumentError:
        return None


@dataclass(frozen=True, slots=True)
class _Bound(Target):
    """A target as text: it says which way is good, which must be the study's."""

    relation: str = "<="

    @classmethod
    def parse(cls, text: str) -> _Bound:
        bound = Constraint.parse("stop_when", text)
        return cls(bound.bound, bound.relation)

    def __str__(self) -> str:
        return f"{self.relation} {self.value:g}"

    @property
    def _said(self) -> str:
        return f"target {self}"

    def _is_reached(self, value: float, metric: Metric) -> bool:
        return Constraint("", self.relation, self.value).holds(value)


def check_rules(rules: Iterable[object], goals: Goals) -> None:
    """Raise ArgumentError unless the rules fit the metrics."""
    for rule in rules:
        if isinstance(rule, Rule) and len(goals.metrics) > 1:
            raise ArgumentError(
                f"stop_when={rule}: of several metrics no trial is the best; give a function of the study"
            )
        metric = goals.first
        if isinstance(rule, _Bound) and (rule.relation[0] == "<") != (metric.mode == "min"):
            sign = "<=" if metric.mode == "min" else ">="
            raise ArgumentError(
                f'stop_when={str(rule)!r}: {metric.name} is tuned with mode="{metric.mode}"; '
                f"write '{sign} {rule.value:g}'"
            )


def said_by(rule: object) -> str:
    """A rule as it stands in the log: its text, or the name of a function."""
    return str(rule) if isinstance(rule, Rule) else str(getattr(rule, "__name__", type(rule).__name__))


def seconds_left(rules: Iterable[object], state: StudyState, now: float) -> float:
    """When the rules that are no functions must be asked again though no trial has ended."""
    return min((rule.seconds_left(state, now) for rule in rules if isinstance(rule, Rule)), default=math.inf)


def reason_to_stop(rules: Iterable[object], state: StudyState, now: float) -> str:
    """Why the first of the rules that hold stops the study, or ""; functions among them are not asked."""
    reasons = (rule.reason(state, now) for rule in rules if isinstance(rule, Rule))
    return next(filter(None, reasons), "")


def asking(rules: Sequence[object], study: Any) -> Callable[[], str] | None:
    """What asks the functions among the rules, if there are any."""
    return None if all(isinstance(rule, Rule) for rule in rules) else lambda: ask(rules, study)


def ask(rules: Iterable[object], study: Any) -> str:
    """Which of the functions among the rules says that the study is to stop, or "".

    A study without a best trial is no reason to stop. Raises ArgumentError if a function raises.
    """
    for rule in rules:
        if isinstance(rule, Rule) or not callable(rule):
            continue
        try:
            if rule(study):
                return f"{said_by(rule)} said so"
        except NoTrialError:
            continue
        except Exception as error:
            raise ArgumentError(
                f"stop_when: {said_by(rule)} raised {type(error).__name__}: {error}; what has run is stored, "
                "and the same call goes on once it is fixed"
            ) from error
    return ""
