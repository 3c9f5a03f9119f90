"""Every report of a study in columns: a million of them as objects would take half a gigabyte."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

from rung.study.events import Reported
from rung.study.growing import Growing

ROW = ("trial", "attempt", "number", "resource", "t", "shape", "start", "below")
"""The columns with one entry for each report; beside them `values` has one for each metric of each."""

Point = tuple[int, int, int, Mapping[str, float]]
"""Trial, attempt, resource, metrics."""


@dataclass(slots=True)
class Report:
    """Metrics at a resource, counted in the objective's own unit (epochs)."""

    number: int
    attempt: int
    resource: int
    metrics: Mapping[str, float]
    t: float
    """Seconds on the study's clock."""
    held_back: Mapping[str, float] = field(default_factory=dict, repr=False)
    """What `report_only` names; shown by `Study.final_report` alone."""


class Curve(Growing[Point]):
    """Every report in order of arrival, as trial, attempt, resource and metrics. It only ever grows.

    A report is a row. The names of its metrics are a *shape*, which many rows share; their values stand one
    after the other in `values`, from `start`. `below` is the row of the trial's report before it, -1 if there
    is none.
    """

    def __init__(self, held_back: Iterable[str] = ()) -> None:
        self.trial, self.attempt = array("I"), array("I")
        self.number, self.resource = array("I"), array("Q")
        self.t = array("d")
        self.shape, self.start, self.values = array("I"), array("I"), array("d")
        self.below = array("i")
        self.shapes: list[tuple[str, ...]] = []
        self.repeated = False
        """Whether an attempt that began again has reported what another one did (since the last snapshot)."""
        self._numbers: dict[tuple[str, ...], int] = {}
        self._held_back = frozenset(held_back)

    def copy(self) -> Curve:
        """The same rows, to which others can be added."""
        own = Curve(self._held_back)
        own.know(self.shapes)
        own.repeated = self.repeated
        for name in (*ROW, "values"):
            setattr(own, name, getattr(self, name)[:])
        return own

    def add(self, event: Reported, last: int) -> int:
        """Take in a report of a trial whose last row is `last`, -1 if it has none; returns the new row."""
        while last >= 0 and self.resource[last] >= event.resource:
            last = self.below[last]  # an attempt that began again reports this part of the curve again
            self.repeated = True
        row = len(self)
        self.trial.append(event.trial)
        self.attempt.append(event.attempt)
        self.number.append(event.number)
        self.resource.append(event.resource)
        self.t.append(event.t)
        self.shape.append(self._shape(tuple(event.metrics)))
        self.start.append(len(self.values))
        self.values.extend(event.metrics.values())
        self.below.append(last)
        return row

    def rows(self, last: int) -> list[int]:
        """The rows of a trial whose last row is `last`, in order."""
        rows, row, below = [], last, self.below
        while row >= 0:
            rows.append(row)
            row = below[row]
        return rows[::-1]

    def _shape(self, names: tuple[str, ...]) -> int:
        number = self._numbers.get(names)
        if number is None:
            number = self._numbers[names] = len(self.shapes)
            self.shapes.append(names)
        return number

    def know(self, shapes: Sequence[tuple[str, ...]]) -> None:
        """Take in shapes whose rows are to be added to the columns by hand."""
        for names in shapes:
            self._shape(names)

    def report(self, row: int) -> Report:
        """The report that is that row."""
        metrics = self._metrics(row)
        held_back = {n: metrics.pop(n) for n in self._held_back if n in metrics} if self._held_back else {}
        return Report(
            self.number[row], self.attempt[row], self.resource[row], metrics, self.t[row], held_back
        )

    def _metrics(self, row: int) -> dict[str, float]:
        names, start = self.shapes[self.shape[row]], self.start[row]
        return dict(zip(names, self.values[start : start + len(names)], strict=False))

    def _point(self, row: int) -> Point:
        metrics = self._metrics(row)
        for name in self._held_back:
            metrics.pop(name, None)
        return self.trial[row], self.attempt[row], self.resource[row], metrics

    def __len__(self) -> int:
        return len(self.below)

    @overload
    def __getitem__(self, index: int) -> Point: ...
    @overload
    def __getitem__(self, index: slice) -> list[Point]: ...
    def __getitem__(self, index: int | slice) -> Point | list[Point]:
        rows = range(len(self))[index]
        return self._point(rows) if isinstance(rows, int) else list(map(self._point, rows))

    def __iter__(self) -> Iterator[Point]:
        return map(self._point, range(len(self)))


class Reports(Growing[Report]):
    """The learning curve of a trial: one report per resource, the latest attempt's where attempts overlap."""

    __slots__ = ("_curve", "last")

    def __init__(self, curve: Curve, last: int = -1) -> None:
        self._curve = curve
        self.last = last
        """The row of the last report, -1 if there is none."""

    def add(self, event: Reported) -> None:
        """Take in one more."""
        self.last = self._curve.add(event, self.last)

    @property
    def resource(self) -> int:
        """The last resource reported, 0 before the first report."""
        return self._curve.resource[self.last] if self.last >= 0 else 0

    def __len__(self) -> int:
        return len(self._curve.rows(self.last))

    def __bool__(self) -> bool:
        return self.last >= 0

    @overload
    def __getitem__(self, index: int) -> Report: ...
    @overload
    def __getitem__(self, index: slice) -> list[Report]: ...
    def __getitem__(self, index: int | slice) -> Report | list[Report]:
        last = self.last
        if index == -1 and last >= 0:
            return self._curve.report(last)
        rows = self._curve.rows(self.last)[index]
        return self._curve.report(rows) if isinstance(rows, int) else list(map(self._curve.report, rows))

    def __iter__(self) -> Iterator[Report]:
        return map(self._curve.report, self._curve.rows(self.last))

    def __repr__(self) -> str:
        return repr(list(self))

    def __reduce__(self) -> Any:
        # A copy of a trial, or a pickle of it, holds its own reports and not those of all others too.
        return _alone, (list(self),)


def _alone(reports: list[Report]) -> Reports:
    alone = Reports(Curve({name for report in reports for name in report.held_back}))
    for report in reports:
        metrics = {**report.metrics, **report.held_back}
        alone.add(Reported(id="", t=report.t, trial=0, attempt=report.attempt, number=report.number,
                           resource=report.resource, metrics=metrics))  # fmt: skip
    return alone
