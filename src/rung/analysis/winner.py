"""The winner by fresh runs, and what may be claimed for it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rung._text import visible
from rung.errors import NoTrialError
from rung.study.confirmations import NO_NOISE, Confirmation
from rung.study.events import Outcome
from rung.study.metrics import Metric
from rung.study.state import StudyState
from rung.study.trial import Trial

_FAR = 4.0
"""Standard deviations from the mean beyond which a run says that noise is skewed or has outliers."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """The mean of a metric over fresh runs.

    Attributes
    ----------
    value : float
        The mean.
    interval : tuple of float or None
        Where the true mean lies; None if there are too few runs to say.
    runs : int
        What it rests on.
    """

    value: float
    interval: tuple[float, float] | None
    runs: int


@dataclass(frozen=True, slots=True)
class Compared:
    """Another trial beside the winner.

    Attributes
    ----------
    trial : int
        Its number.
    difference : float
        How much worse its metric is than the winner's: positive is worse, in either mode.
    interval : tuple of float or None
        Where the true difference lies, for all that are compared at once; None if there are too few runs.
    p_better : float or None
        The probability that the winner is the better one.
    settled : bool
        Whether the interval leaves 0 out.
    paired : bool
        Whether runs of equal seeds were compared.
    asked : bool
        Whether `compare=` asked for it; else it is a finalist.
    """

    trial: int
    difference: float
    interval: tuple[float, float] | None
    p_better: float | None
    settled: bool
    paired: bool
    asked: bool


@dataclass(frozen=True, slots=True)
class Winner:
    """The configuration that fresh runs chose, and what other fresh runs allow to claim for it. Print it.

    Attributes
    ----------
    trial : int
        Its number in the search.
    config : dict
        The configuration.
    metric : str
        The name of the tuned metric.
    value : float
        What may be claimed: the estimated mean over fresh seeds.
    interval : tuple of float or None
        Where the true mean lies, with probability `level`.
    level : float
        Of all intervals.
    observed : float
        What the search saw of it: too good, as it was chosen for that.
    optimism : float
        How much of `observed` was luck: positive is too good, in either mode.
    p_best : float
        The probability that it is the best of the finalists.
    expected_loss : float
        What it costs on average that another finalist may be better.
    noise : float
        The standard deviation of a run.
    finalists : tuple of int
        The trials it was chosen from.
    reason : str
        Why it was chosen when it was: "rounds", "settled", "only one" or "no noise".
    runs : int
        Fresh runs before it was chosen, of all finalists.
    claim_runs : int
        Fresh runs of it afterwards: they chose nothing.
    failed_runs : int
        How many of its own fresh runs failed.
    far : float
        How many standard deviations its farthest run lies from their mean.
    compared : tuple of Compared
        The other finalists, the second first, and what `compare=` named.
    reported : mapping of str to Estimate
        The metrics of `report_only` over the claim runs; empty unless it comes from `final_report`.
    trials : int
        Trials of the study.
    """

    trial: int
    config: dict[str, Any]
    metric: str
    value: float
    interval: tuple[float, float] | None
    level: float
    observed: float
    optimism: float
    p_best: float
    expected_loss: float
    noise: float
    finalists: tuple[int, ...]
    reason: str
    runs: int
    claim_runs: int
    failed_runs: int
    far: float
    compared: tuple[Compared, ...]
    trials: int
    reported: Mapping[str, Estimate] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """All of it as plain types."""
        return asdict(self)

    def __str__(self) -> str:
        return "\n".join(_lines(self))


def winner_of(state: StudyState, level: float = 0.9, *, reported: bool = False) -> Winner:
    """The confirmed winner; raises NoTrialError, which says what is missing, if there is none."""
    current = state.confirmed
    if current is None:
        raise NoTrialError(_why_none(state))
    if current.reason == NO_NOISE:
        return _without_noise(state, current, level)
    return _estimated(state, current, level, reported)


def _why_none(state: StudyState) -> str:
    how = "give confirm=0.2, or call study.confirm(objective) or `rung confirm NAME`"
    if not state.confirmations:
        return f"no winner is confirmed; {how}"
    last = state.confirmations[-1]
    over = sum(state.trials[number].is_finished for number in last.repeats)
    if state.trials[-1].repeats is None:
        return f"trials were run since the winner was confirmed; {how}"
    if last.winner is None and not any(state.trials[n].status == Outcome.COMPLETED for n in last.repeats):
        return f"no winner is confirmed: none of {over} fresh runs of the finalists gave a result"
    return f"the winner is not confirmed yet: {over} of {last.runs} fresh runs are over; go on with the study"


def _without_noise(state: StudyState, current: Confirmation, level: float) -> Winner:
    best = state.best
    assert best is not None
    assert best.value is not None
    return Winner(
        best.number, dict(best.config), state.goals.first.name, best.value, (best.value, best.value),
        level, best.value, 0.0, 1.0, 0.0, 0.0, (best.number,), current.reason, len(current.choosing),
        0, 0, 0.0, (), len(state.trials),
    )  # fmt: skip


def _estimated(state: StudyState, current: Confirmation, level: float, reported: bool) -> Winner:
    import numpy as np

    from rung.confirmation.policy import Fresh
    from rung.confirmation.statistics import Noise
    from rung.study.history import History

    fresh = Fresh(History(state), current)
    losses = {number: fresh.losses(number) for number in (*current.finalists, *current.compared)}
    losses = {number: runs for number, runs in losses.items() if runs}
    finalists = [number for number in current.finalists if number in losses]
    number = current.winner
    assert number is not None
    if number not in losses:
        raise NoTrialError(f"all fresh runs of the winner, trial {number}, failed: nothing can be claimed")
    noise = Noise.of([losses[n] for n in finalists])
    w, metric = finalists.index(number), state.goals.first
    posterior = fresh.posterior([losses[n] for n in finalists])
    found = noise.interval(w, level, len(current.finalists))
    trial, own = state.trials[number], np.array(list(losses[number].values()))
    assert trial.value is not None
    sd = math.sqrt(noise.variances[w]) if noise.freedom else math.nan
    value = metric.loss(float(posterior.means[w]))
    return Winner(
        number, dict(trial.config), metric.name, value, _signed(found.ends, metric), level,
        trial.value, metric.loss(value) - metric.loss(trial.value), float(posterior.best[w]),
        float(posterior.expected_loss[w]), sd, current.finalists, current.reason, len(current.choosing),
        len(current.claiming), sum(t.status == Outcome.FAILED for t in fresh.trials(number)),
        float(abs(own - own.mean()).max() / sd) if sd else 0.0,
        _compared(losses, number, current, level), len(state.trials),
        _reported(state, fresh.current, level) if reported else {},
    )  # fmt: skip


def _signed(ends: tuple[float, float] | None, metric: Metric) -> tuple[float, float] | None:
    return ends if ends is None or metric.mode == "min" else (-ends[1], -ends[0])


def _compared(
    losses: Mapping[int, Mapping[int, float]], winner: int, current: Confirmation, level: float
) -> tuple[Compared, ...]:
    from rung.confirmation.statistics import difference

    others = [number for number in losses if number != winner]
    found = []
    for number in others:
        by = difference(losses[winner], losses[number], level, len(others))
        asked = number in current.compared
        found.append(Compared(number, by.by.mean, by.by.ends, by.p_better, by.settled, by.paired, asked))
    return tuple(sorted(found, key=lambda c: (c.asked, -len(losses[c.trial]), c.difference)))


def _reported(state: StudyState, current: Confirmation, level: float) -> dict[str, Estimate]:
    from rung.confirmation.statistics import unseen_mean

    claim = [state.trials[n] for n in current.claiming]
    found = {}
    for name in state.goals.report_only:
        runs = _values(name, claim)
        if not runs:
            continue
        others = [_values(name, [t for t in _repeats(state, current) if t.repeats == n])
                  for n in current.finalists if n != current.winner]  # fmt: skip
        mean = unseen_mean(runs, others, level)
        found[name] = Estimate(mean.mean, mean.ends, len(runs))
    return found


def _repeats(state: StudyState, current: Confirmation) -> Iterable[Trial]:
    return map(state.trials.__getitem__, current.repeats)


def _values(name: str, trials: Sequence[Trial]) -> dict[int, float]:
    return {
        trial.repeat or 0: trial.held_back[name]
        for trial in trials
        if trial.status == Outcome.COMPLETED and math.isfinite(trial.held_back.get(name, math.nan))
    }


# ---- in words


def _lines(w: Winner) -> list[str]:
    of = f"winner: trial {w.trial} of {w.trials}"
    name = visible(w.metric)
    if w.reason == NO_NOISE:
        return [
            f"{of}: no noise, or the objective ignores trial.seed",
            f"{name} = {w.value:.6g}: two fresh seeds gave exactly what the search had seen",
        ]
    show = _format(w)
    among = f"{len(w.finalists)} finalists" if len(w.finalists) > 1 else "one finalist"
    lines = [f"{of}, chosen among {among} by {w.runs} fresh runs, claimed by {w.claim_runs} more"]
    luck = f"{show(abs(w.optimism))} of that was {'luck' if w.optimism >= 0 else 'bad luck'}"
    lines.append(
        f"{name} = {show(w.value)}{_ends(w.interval, show, w.level)}; "
        f"the search had seen {show(w.observed)}: {luck}"
    )
    if len(w.finalists) > 1:
        lines.append(
            f"P(best of the finalists) = {w.p_best:.2f}; if not, it costs {show(w.expected_loss)} on average"
        )
    second = [c for c in w.compared if not c.asked][:1]
    lines += [_against(c, show) for c in (*second, *(c for c in w.compared if c.asked))]
    lines.append(f"runs of it differ by {show(w.noise)} (standard deviation){_trouble(w)}")
    lines += [
        f"{visible(k)} = {show(e.value)}{_ends(e.interval, show, w.level)}, by {e.runs} runs that chose none"
        for k, e in w.reported.items()
    ]
    return lines


def _against(c: Compared, show: Any) -> str:
    which = "" if c.asked else " (second)"
    better = "better" if c.difference >= 0 else "worse"
    ends = c.interval if c.difference >= 0 or c.interval is None else (-c.interval[1], -c.interval[0])
    said = "settled" if c.settled else "not settled"
    return f"{better} than trial {c.trial}{which} by {show(abs(c.difference))}{_ends(ends, show)}: {said}"


def _ends(ends: tuple[float, float] | None, show: Any, level: float | None = None) -> str:
    if ends is None:
        return " (too few runs for an interval)"
    said = "" if level is None else f"{100 * level:g} %: "
    return f" ({said}{show(ends[0])} to {show(ends[1])})"


def _trouble(w: Winner) -> str:
    own = w.runs if len(w.finalists) == 1 else None
    failed = f"; {w.failed_runs} of its runs failed" if w.failed_runs and own is None else ""
    far = f"; one lies {w.far:.1f} of these away: the interval may be too narrow" if w.far > _FAR else ""
    return failed + far


def _format(w: Winner) -> Any:
    width = w.interval[1] - w.interval[0] if w.interval else 0.0
    digits = 4 if not 0 < width < math.inf else min(12, max(0, 2 - math.floor(math.log10(width))))
    return lambda value: f"{value:.{digits}f}"
