"""What is optimised, what must hold, and what is only reported."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, cast

from rung._text import brief, is_iterable
from rung.errors import ArgumentError, Error
from rung.space.values import did_you_mean

Mode = Literal["min", "max"]
Metrics = Mapping[str, float]

_TOTALS: dict[str, Callable[[float, float], float]] = {
    "train_seconds": operator.add, "cpu_seconds": operator.add, "peak_memory_mb": max,
}  # fmt: skip
MEASURED = tuple(_TOTALS)
"""Metrics that every attempt has without being asked (seconds, seconds, megabytes of 10**6 bytes).

A trial's are those of all its attempts together: the sums of the seconds, the highest peak.
"""

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt,
}  # fmt: skip
_NAME = 200
"""Characters of the name of a metric."""
_MOST_NAMES = 1000
"""Of `report_only`; it may be something without end."""
_BOUND_LENGTH = 100
_BOUND = re.compile(r"\s*(<=|>=|<|>)\s*(\S+)\s*")


def check_metric_name(name: object, what: str = "metric", error: type[Error] = ArgumentError) -> str:
    """Return `name`; `error`, whose text begins with `what`, unless it has 1 to 200 characters."""
    if not isinstance(name, str) or not 0 < len(name) <= _NAME:
        raise error(
            f"{what} {brief(name)}: the name of a metric is a non-empty string of at most {_NAME} characters"
        )
    return name


@dataclass(frozen=True, slots=True)
class Metric:
    """A number to make small (`mode="min"`) or large (`mode="max"`)."""

    name: str
    mode: Mode = "min"

    def __post_init__(self) -> None:
        check_metric_name(self.name)
        if not isinstance(self.mode, str) or self.mode not in {"min", "max"}:
            raise ArgumentError(f'mode={brief(self.mode)} for metric {self.name!r}; use "min" or "max"')

    def better(self, a: float, b: float) -> bool:
        """Whether `a` is strictly better than `b`."""
        return a < b if self.mode == "min" else a > b

    def loss(self, value: float) -> float:
        """The value, negated where higher is better."""
        return value if self.mode == "min" else -value

    def loss_in(self, metrics: Metrics) -> float:
        """The loss that `metrics` hold; infinite where it is missing or NaN."""
        loss = self.loss(metrics.get(self.name, math.nan))
        return math.inf if math.isnan(loss) else loss


@dataclass(frozen=True, slots=True)
class Constraint:
    """A bound that the winner must keep, such as ``model_mb <= 20``."""

    name: str
    relation: str
    bound: float

    @classmethod
    def parse(cls, name: str, text: str, what: str = "constraints") -> Constraint:
        """Read ``"<= 20"``; raises ArgumentError, which begins with `what`, on anything else."""
        check_metric_name(name, f"{what}: name")
        match = _BOUND.fullmatch(text) if isinstance(text, str) and len(text) <= _BOUND_LENGTH else None
        try:
            bound = float(match[2]) if match else math.nan
        except ValueError:
            bound = math.nan
        if match is None or math.isnan(bound):
            raise ArgumentError(
                f'{what}: {name}={brief(text)}; write a relation and a number, such as "<= 20"'
            )
        return cls(name, match[1], bound)

    def holds(self, value: float) -> bool:
        """Whether `value` keeps the bound (NaN never does)."""
        return _OPERATORS[self.relation](value, self.bound)

    def excess(self, metrics: Metrics) -> float:
        """By how much these metrics are known to break the bound; 0 while they don't."""
        value = metrics.get(self.name, self.bound)
        if self.name not in metrics or self.holds(value):
            return 0.0
        # A strict bound is broken by its own value too, NaN breaks any.
        return math.inf if math.isnan(value) else max(abs(value - self.bound), 1e-300)

    def __str__(self) -> str:
        return f"{self.name} {self.relation} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class Goals:
    """The metrics tuned, the constraints, and the metrics that are only reported."""

    metrics: tuple[Metric, ...]
    constraints: tuple[Constraint, ...] = ()
    report_only: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.metrics:
            raise ArgumentError('metric={}; name at least one metric, such as metric="validation_error"')
        for name in self.report_only:
            check_metric_name(name, "report_only: name")
            if name in self.required:
                raise ArgumentError(
                    f"report_only: {name} is tuned or constrained; what chooses is not what is reported"
                )

    @classmethod
    def of(
        cls,
        metric: str | Mapping[str, str],
        mode: str = "min",
        constraints: Mapping[str, str] | None = None,
        report_only: Iterable[str] = (),
    ) -> Goals:
        """Build from what `tune` takes; raises ArgumentError naming the argument that is wrong."""
        if not is_iterable(report_only):
            raise ArgumentError(f"report_only={brief(report_only)}; give a list of names")
        if isinstance(report_only, str):
            raise ArgumentError(
                f"report_only={brief(report_only)}; give a list: report_only=[{brief(report_only)}]"
            )
        if not isinstance(metric, str | Mapping):
            raise ArgumentError(
                f"metric={brief(metric)}; "
                "give a name, or a dict such as {'error': 'min', 'accuracy': 'max'}"
            )
        if not isinstance(constraints, Mapping | None):
            raise ArgumentError(
                f'constraints={brief(constraints)}; give a dict such as {{"model_mb": "<= 20"}}'
            )
        modes = metric if isinstance(metric, Mapping) else {metric: mode}
        return cls(
            tuple(Metric(name, cast("Mode", m)) for name, m in modes.items()),
            tuple(Constraint.parse(name, text) for name, text in (constraints or {}).items()),
            tuple(islice(report_only, _MOST_NAMES)),
        )

    @property
    def first(self) -> Metric:
        """The objective that counts wherever trials are compared by one number."""
        return self.metrics[0]

    @property
    def tuned(self) -> tuple[str, ...]:
        """Names of the objectives."""
        return tuple(metric.name for metric in self.metrics)

    @property
    def plain(self) -> bool:
        """Whether there is one objective and no constraint."""
        return len(self.metrics) == 1 and not self.constraints

    @property
    def required(self) -> tuple[str, ...]:
        """Names that a finished trial must have given a finite number for."""
        return tuple(dict.fromkeys([*self.tuned] + [c.name for c in self.constraints]))

    def problem(self, metrics: Metrics) -> str:
        """Why a finished trial with these metrics has failed, or ""."""
        for name in self.required:
            if not math.isfinite(metrics[name]):
                return f"{name} is {metrics[name]}"
        return ""

    def missing(self, metrics: Metrics) -> str:
        """Which required metric is absent, in a sentence with the names that are there, or ""."""
        for name in self.required:
            if name not in metrics:
                seen = ", ".join(sorted(set(metrics) - set(MEASURED))) or "nothing"
                other = "name another metric=" if name in self.tuned else "leave it out of constraints="
                return (
                    f"the objective gave no {name!r}; it gave: {seen}. "
                    f"Return {{{name!r}: ...}}, report it, or {other}"
                )
        return ""

    def unreported(self, metrics: Metrics) -> str:
        """Which `report_only` metric a finished trial did not give, in a sentence, or ""."""
        for name in self.report_only:
            if name not in metrics:
                seen = ", ".join(sorted(set(metrics) - set(MEASURED)))
                return f"report_only names {name!r}, which the objective did not give; it gave: {seen}"
        return ""

    def split(self, metrics: Metrics) -> tuple[dict[str, float], dict[str, float]]:
        """The metrics that are shown, and those that are only reported."""
        if not self.report_only:
            return dict(metrics), {}
        held_back = {name: value for name, value in metrics.items() if name in self.report_only}
        return {name: value for name, value in metrics.items() if name not in self.report_only}, held_back

    def broken(self, metrics: Metrics) -> tuple[Constraint, ...]:
        """The constraints that these metrics are known to break."""
        return tuple(c for c in self.constraints if c.name in metrics and not c.holds(metrics[c.name]))

    def feasible(self, metrics: Metrics) -> bool:
        """Whether every constraint holds."""
        return all(c.name in metrics and c.holds(metrics[c.name]) for c in self.constraints)

    def __str__(self) -> str:
        parts = [", ".join(f"{m.name} ({m.mode})" for m in self.metrics), *map(str, self.constraints)]
        return "; ".join(
            [*parts, f"report only {', '.join(self.report_only)}"] if self.report_only else parts
        )

    def to_json(self) -> dict[str, Any]:
        """Plain types for the log."""
        return {
            "metric": {m.name: m.mode for m in self.metrics},
            "constraints": {c.name: f"{c.relation} {c.bound!r}" for c in self.constraints},
            "report_only": list(self.report_only),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Goals:
        """The inverse of `to_json`."""
        return cls.of(data["metric"], "min", data["constraints"], data["report_only"])


def add_up(usage: dict[str, float], before: Metrics) -> None:
    """Add what the attempts before used to what an attempt did: a trial's is that of all of them."""
    for name, combine in _TOTALS.items():
        if name in before:
            usage[name] = combine(usage.get(name, 0.0), before[name])


def check_rising(names: Iterable[str], goals: Goals) -> None:
    """Raise ArgumentError unless each of the names that rise has an upper bound."""
    if isinstance(names, str):
        raise ArgumentError(f"rising={brief(names)}; give a list: rising=[{brief(names)}]")
    bounded = [c.name for c in goals.constraints if c.relation in {"<", "<="}]
    for name in names:
        if name not in bounded:
            hint = (
                did_you_mean(str(name), bounded) if bounded else 'give constraints={"seconds": "<= 60"} too'
            )
            raise ArgumentError(f"rising: {brief(name)} has no upper bound in constraints; {hint}")
