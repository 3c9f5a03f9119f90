"""The importance of hyperparameters, as a table."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from rung._tables import html_table, text_table
from rung._text import counted, visible
from rung.analysis.plots import drawing
from rung.errors import ArgumentError
from rung.space.values import did_you_mean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array: TypeAlias = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Share:
    """A part of the whole, in [0, 1], and the interval in which it lies.

    Attributes
    ----------
    value : float
        The estimate.
    low, high : float
        The ends of the interval.
    """

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, draws: Array, level: float, value: float | None = None) -> Self | None:
        """Of draws (S,), whose mean is the value unless it is given; None if most of them are NaN."""
        known = draws[np.isfinite(draws)]
        if 2 * len(known) <= len(draws):
            return None
        low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2]).tolist()
        value = float(known.mean()) if value is None else value
        return cls(value, min(low, value), max(high, value))

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


@dataclass(frozen=True, slots=True)
class Effect:
    """What a hyperparameter does to the metric.

    Attributes
    ----------
    alone : Share
        The part of the metric's variance that it explains by itself.
    total : Share or None
        The same with all its interactions; those of all hyperparameters may add up to more than 1. None of
        PED-ANOVA.
    """

    alone: Share
    total: Share | None = None

    @classmethod
    def of(cls, alone: Array, total: Array, level: float) -> Self | None:
        """Of draws (S,) of both."""
        share = Share.of(alone, level)
        return None if share is None else cls(share, Share.of(total, level))

    @property
    def most(self) -> Share:
        """`total`, where there is one, else `alone`."""
        return self.alone if self.total is None else self.total


@dataclass(frozen=True, slots=True)
class HyperparameterImportance:
    """The importance of one hyperparameter.

    Attributes
    ----------
    name : str
        The hyperparameter's.
    overall : Effect or None
        Over the whole space, where the hyperparameter is active; None if too little is known.
    good : Effect or None
        Among the best configurations. None if the hyperparameter is hardly ever active there.
    active : float
        The part of the space (of PED-ANOVA: of the trials) in which it is active: 1 without a condition.
    """

    name: str
    overall: Effect | None
    good: Effect | None
    active: float


@dataclass(frozen=True, eq=False, repr=False)
class Importance(Sequence[HyperparameterImportance]):
    """How much each hyperparameter matters, the most important first. Print it, plot it, or take one by name.

    Attributes
    ----------
    metric : str
        What it matters for.
    method : {"fanova", "ped-anova"}
        How it was computed.
    best : float
        The part of the configurations that counts as the good region.
    level : float
        The probability of the intervals.
    trials : int
        How many it rests on.
    explained : float or None
        How much of the variance of the values the model predicts, each from all others: near 1 is good, and
        at 0 the numbers say nothing. None of PED-ANOVA, which has no model.
    """

    metric: str
    method: str
    best: float
    level: float
    trials: int
    explained: float | None
    _each: tuple[HyperparameterImportance, ...]

    @overload
    def __getitem__(self, index: int | str) -> HyperparameterImportance: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[HyperparameterImportance]: ...
    def __getitem__(
        self, index: int | str | slice
    ) -> HyperparameterImportance | Sequence[HyperparameterImportance]:
        if not isinstance(index, str):
            return self._each[index]
        names = [one.name for one in self._each]
        if index not in names:
            raise ArgumentError(f"importance: there is no {index!r}; {did_you_mean(index, names)}")
        return self._each[names.index(index)]

    def __len__(self) -> int:
        return len(self._each)

    def table(self) -> list[list[str]]:
        """Return the rows of the table, its header first."""
        good, full = f"best {100 * self.best:g} %", self.method == "fanova"
        header = ["hyperparameter", *_columns("overall", full), *_columns(good, full)]
        rows = [[one.name, *_cells(one.overall, full), *_cells(one.good, full)] for one in self]
        if any(one.active < 1 for one in self):
            header.append("active in")
            rows = [[*row, f"{100 * one.active:.0f} %"] for row, one in zip(rows, self, strict=True)]
        return [header, *rows]

    @property
    def title(self) -> str:
        """What the table shows, in one line."""
        text = f"importance for {visible(self.metric)}: {self.method}, {counted(self.trials, 'trial')}"
        model = (
            ""
            if self.explained is None
            else f"; the model predicts {max(self.explained, 0):.0%} of the variance"
        )
        return f"{text}, {100 * self.level:g} % intervals{model}"

    def __str__(self) -> str:
        return f"{self.title}\n{text_table(self.table())}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self.title)}</p>{html_table(self.table())}"

    def to_json(self) -> dict[str, Any]:
        """Return it as plain types."""
        return {
            "metric": self.metric, "method": self.method, "best": self.best, "level": self.level,
            "trials": self.trials, "explained": self.explained,
            "hyperparameters": [asdict(one) for one in self],
        }  # fmt: skip

    def plot(self) -> Figure:
        """Plot a bar for each hyperparameter, overall and within the good region. Needs matplotlib."""
        figure: Figure = drawing("rung.analysis.plots.importance", "draw")(self)
        return figure


def _columns(region: str, full: bool) -> list[str]:
    return [f"{region}: alone", "with others"] if full else [region]


def _cells(effect: Effect | None, full: bool) -> list[str]:
    if effect is None:
        return ["?"] * (1 + full)
    return [str(effect.alone), *([str(effect.total)] if full else [])]
