"""Methods beside each other: any-time performance, ranks and final values over repeated seeds."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rung._sparkline import svg
from rung._tables import html_table, text_table
from rung._text import visible
from rung.analysis.front import checked_reference, reference_beyond
from rung.analysis.plots import drawing
from rung.analysis.winner import winner_of
from rung.errors import ArgumentError, Error, NoTrialError
from rung.study.events import Outcome
from rung.study.metrics import Goals, Metric
from rung.study.pareto import hypervolumes
from rung.study.state import StudyState

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

Floats = npt.NDArray[np.float64]

_POINTS = 200  # of the common time grid
_RESAMPLES = 10_000
_MANY = 1000
"""Seeds that nobody runs to settle a difference."""


@dataclass(frozen=True)
class Incumbents:
    """The best value so far of one study, as steps: from `times[i]` on it is `values[i]`."""

    metric: Metric
    times: tuple[float, ...]
    values: tuple[float, ...]
    end: float
    """When the study ended."""
    claimed: float | None = None
    """The value of its confirmed winner, if it has one."""

    @classmethod
    def of(cls, state: StudyState) -> Incumbents:
        """The best of all values reported so far, also by trials that were stopped later or still run.

        So methods are measured alike whether they complete many trials or few. Reports that break a
        constraint do not count.
        """
        metric, steps = state.goals.first, list[tuple[float, float]]()
        for t, value in sorted(_values(state, metric.name)):
            if np.isfinite(value) and (not steps or metric.better(value, steps[-1][1])):
                steps.append((t, value))
        if not steps:
            raise NoTrialError(f"none of {len(state.trials)} trials gave a feasible {metric.name!r}")
        times, values = zip(*steps, strict=True)
        claimed = winner_of(state).value if state.confirmed else None
        return cls(metric, times, values, state.t, claimed)

    def at(self, times: Floats) -> Floats:
        """The best value at each of `times`, none before the first."""
        return np.array(self.values)[np.searchsorted(self.times, times, side="right") - 1]


@dataclass(frozen=True)
class Results:
    """The feasible results so far of one study with several objectives, also of trials that were stopped."""

    goals: Goals
    times: tuple[float, ...]
    losses: Floats
    """Shape (n, m)."""
    end: float

    @classmethod
    def of(cls, state: StudyState) -> Results:
        """In order of time."""
        rows = sorted(_rows(state), key=lambda row: row[0])
        if not rows:
            names = ", ".join(state.goals.tuned)
            raise NoTrialError(f"none of {len(state.trials)} trials gave feasible {names}")
        return cls(state.goals, tuple(t for t, _ in rows), np.array([y for _, y in rows]), state.t)

    def incumbents(self, reference: Floats) -> Incumbents:
        """Return the hypervolume over time, up to a reference point (m,) of losses."""
        values = hypervolumes(self.losses, reference)
        grows = np.flatnonzero(np.diff(values, prepend=-1.0) > 0)
        times = tuple(self.times[i] for i in grows)
        return Incumbents(Metric("hypervolume", "max"), times, tuple(values[grows].tolist()), self.end)


def reference_of(every: Sequence[Results], stated: Mapping[str, float] | None) -> Floats:
    """Return the point (m,) that is stated, by default a tenth beyond the worst of what no study beats."""
    goals = every[0].goals
    if any(results.goals.metrics != goals.metrics for results in every):
        raise ArgumentError("compare: the studies have different objectives; give all the same")
    if stated is not None:
        return checked_reference(stated, goals)
    return reference_beyond(np.concatenate([results.losses for results in every]), goals)


def _rows(state: StudyState) -> Iterator[tuple[float, list[float]]]:
    """When which feasible losses came in, all of them known."""
    metrics = state.goals.metrics
    for trial in state.searched:
        shown = [(report.t, report.metrics) for report in trial.reports]
        if trial.status == Outcome.COMPLETED and trial.ended is not None:
            shown.append((trial.ended, trial.metrics))
        for t, values in shown:
            losses = [metric.loss_in(values) for metric in metrics]
            if np.isfinite(losses).all() and state.goals.feasible(values):
                yield t, losses


def _values(state: StudyState, name: str) -> Iterator[tuple[float, float]]:
    """When (seconds of the study's clock) which feasible values came in."""
    for trial in state.searched:
        for report in trial.reports:
            if name in report.metrics and state.goals.feasible(report.metrics):
                yield report.t, report.metrics[name]
        # What was returned, not reported, and what became feasible by what was returned.
        if trial.status == Outcome.COMPLETED and trial.feasible and trial.value is not None:
            assert trial.ended is not None
            yield trial.ended, trial.value


@dataclass(frozen=True)
class Against:
    """The method with the best mean final value beside another one, over the same seeds. Print it.

    Attributes
    ----------
    best, other : str
        Their names.
    difference : float
        How much worse the other one is on average: positive is worse, in either mode.
    interval : tuple of float
        Where the true difference lies, with probability `level` for all pairs of methods at once.
    level : float
        Of the interval.
    p_better : float
        The probability that the best one is better.
    settled : bool
        Whether the interval leaves 0 out.
    seeds_to_settle : int or None
        About how many seeds would settle it, if they differed as these do; None if nobody can say.
    """

    best: str
    other: str
    difference: float
    interval: tuple[float, float]
    level: float
    p_better: float
    settled: bool
    seeds_to_settle: int | None

    def __str__(self) -> str:
        low, high = self.interval
        by = f"{self.best} is better than {self.other} by {self.difference:.3g} "
        by += f"({100 * self.level:g} %: {low:.3g} to {high:.3g})"
        if self.settled:
            return f"{by}: settled"
        if self.seeds_to_settle is None:
            return f"{by}: not settled"
        many = f"some {self.seeds_to_settle}" if self.seeds_to_settle <= _MANY else f"more than {_MANY}"
        return f"{by}: not settled, P(better) = {self.p_better:.2f}; {many} seeds would settle it"


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """The best value of each method over time, over the same seeds. Print it, plot it, or take its table.

    With several objectives the value is the hypervolume.

    Times are seconds of the studies' clock (virtual ones if simulated), from when every study had a value to
    the end of the longest; they lie closer early on. A study that ended before keeps its value.
    """

    metric: Metric
    seeds: tuple[int, ...]
    times: Floats
    values: Mapping[str, Floats]
    """The best value so far by method: a row for each seed, a column for each of `times`."""
    confirmed: bool = False
    """Whether the final values are those of confirmed winners; else they are the best scores."""

    @classmethod
    def of(cls, runs: Mapping[str, Sequence[Incumbents]], seeds: Sequence[int]) -> Comparison:
        """Of the studies of each method, one for each seed, on a common time grid."""
        every = [run for method in runs.values() for run in method]
        metrics = {run.metric for run in every}
        if len(metrics) > 1:
            names = ", ".join(sorted(f"{m.name} ({m.mode})" for m in metrics))
            raise ArgumentError(f"compare: the studies tune different metrics: {names}; give all the same")
        start, end = max(run.times[0] for run in every), max(run.end for run in every)
        times = np.geomspace(start, end, _POINTS) if start > 0 else np.linspace(start, end, _POINTS)
        values = {name: np.array([run.at(times) for run in method]) for name, method in runs.items()}
        # Some winners' values beside others' best scores would favour the scores.
        confirmed = all(run.claimed is not None for run in every)
        if confirmed:
            for name, method in runs.items():
                values[name][:, -1] = [run.claimed for run in method]
        return cls(metrics.pop(), tuple(seeds), times, values, confirmed)

    def final(self, name: str) -> Floats:
        """The last value of each seed."""
        return self.values[name][:, -1]

    def quartiles(self, name: str) -> Floats:
        """The lower quartile, median and upper quartile over the seeds: three rows of any-time values."""
        found: Floats = np.quantile(self.values[name], [0.25, 0.5, 0.75], axis=0)
        return found

    def mean_interval(self, name: str, level: float = 0.95) -> tuple[float, float]:
        """A bootstrap confidence interval of the mean final value; the same each time."""
        final, rng = self.final(name), np.random.default_rng(0)
        means = final[rng.integers(len(final), size=(_RESAMPLES, len(final)))].mean(axis=1)
        low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)

    def against(self, level: float = 0.9) -> tuple[Against, ...]:
        """The method with the best mean beside each other one, seed by seed; the nearest first.

        The intervals hold for all pairs of methods at once, so that the best may be chosen by the same runs.
        """
        from rung.confirmation.statistics import difference

        runs = {
            name: {seed: self.metric.loss(float(value)) for seed, value in enumerate(self.final(name))}
            for name in self.values
        }
        best = min(runs, key=lambda name: float(np.mean(list(runs[name].values()))))
        pairs = len(runs) * (len(runs) - 1) // 2
        found = []
        for name, own in runs.items():
            if name != best:
                by = difference(runs[best], own, level, pairs)
                ends, p = by.by.ends, by.p_better
                assert ends is not None
                assert p is not None
                found.append(Against(best, name, by.by.mean, ends, level, p, by.settled, by.pairs_to_settle))
        return tuple(sorted(found, key=lambda each: each.difference))

    def ranks(self) -> dict[str, Floats]:
        """The rank of each method by seed and time: 1 is the best, equal values share the mean of theirs."""
        from scipy.stats import rankdata

        losses = np.array([[self.metric.loss(1.0)]]) * np.array(list(self.values.values()))
        return dict(zip(self.values, rankdata(losses, axis=0), strict=True))

    def time_to_worst(self, name: str) -> float:
        """When the method's median first was as good as the worst method's median at the end."""
        medians = {n: self.metric.loss(1.0) * self.quartiles(n)[1] for n in self.values}
        worst = max(median[-1] for median in medians.values())
        return float(self.times[np.argmax(medians[name] <= worst)])

    def rows(self) -> list[dict[str, Any]]:
        """The rows of the printed table, a dict for each method."""
        ranks = self.ranks()
        return [self._row(name, float(ranks[name][:, -1].mean())) for name in self.values]

    def _row(self, name: str, rank: float) -> dict[str, Any]:
        lower, median, upper = np.quantile(self.final(name), [0.25, 0.5, 0.75])
        low, high = self.mean_interval(name)
        return {
            "method": name, "median": float(median), "lower_quartile": float(lower),
            "upper_quartile": float(upper), "mean": float(self.final(name).mean()), "mean_low": low,
            "mean_high": high, "final_rank": rank, "seconds_to_worst": self.time_to_worst(name),
        }  # fmt: skip

    def table(self) -> list[Sequence[str]]:
        """Return the rows of the printed table, its header first."""
        head = (
            "method", f"final {self.metric.name}: median [quartiles]", "mean [95 % interval]",
            "mean rank at the end", "time to the worst's final",
        )  # fmt: skip
        return [head, *map(_cells, self.rows())]

    @property
    def _title(self) -> str:
        confirmed = ", final values by fresh runs" if self.confirmed else ""
        return f"{len(self.seeds)} seeds, {_seconds(self.times[-1])}{confirmed}"

    def __str__(self) -> str:
        return "\n".join([self._title, text_table(self.table()), *map(str, self.against())])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        curves = [list(zip(self.times, self.quartiles(name)[1], strict=True)) for name in self.values]
        said = "".join(f"<p>{html.escape(visible(str(pair)))}</p>" for pair in self.against())
        return f"<b>{self._title}</b>{html_table(self.table())}{svg(curves, steps=True)}{said}"

    def plot(self) -> Figure:
        """Any-time performance with bands of quartiles, and the average rank over time. Needs matplotlib."""
        figure: Figure = drawing("rung.analysis.plots.comparison")(self)
        return figure

    def to_dataframe(self) -> DataFrame:
        """A row for each method, seed and time, with value and rank. Needs pandas (``rung[pandas]``)."""
        try:
            import pandas as pd
        except ImportError as error:
            raise Error("to_dataframe() needs pandas: pip install 'rung[pandas]'") from error
        methods, seeds, points = len(self.values), len(self.seeds), len(self.times)
        return pd.DataFrame({
            "method": np.repeat(list(self.values), seeds * points),
            "seed": np.tile(np.repeat(self.seeds, points), methods),
            "time": np.tile(self.times, methods * seeds),
            "value": np.concatenate([values.ravel() for values in self.values.values()]),
            "rank": np.concatenate([ranks.ravel() for ranks in self.ranks().values()]),
        })  # fmt: skip


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        "{method}".format(**row),
        "{median:.4g} [{lower_quartile:.4g}, {upper_quartile:.4g}]".format(**row),
        "{mean:.4g} [{mean_low:.4g}, {mean_high:.4g}]".format(**row),
        "{final_rank:.2f}".format(**row),
        _seconds(row["seconds_to_worst"]),
    )


def _seconds(t: float) -> str:
    return f"{t:,.0f} s" if t >= 100 else f"{t:.3g} s"
