"""The winner by fresh runs, and what may be claimed for it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rung.errors import NoTrialError
from rung.study.confirmations import NO_NOISE, Confirmation
from rung.study.events import Outcome
from rung.study.metrics import Metric
from rung.study.state import StudyState
from rung.study.trial import Trial


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
    pairs : int
        How many runs of equal seeds were compared; 0 if the runs were not paired.
    pairs_to_settle : int or None
        About how many of them would settle it, if they differed as these do; None if nobody can say.
    asked : bool
        Whether `compare=` asked for it; else it is a finalist.
    """

    trial: int
    difference: float
    interval: tuple[float, float] | None
    p_better: float | None
    settled: bool
    pairs: int
    pairs_to_settle: int | None
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
    noise : float or None
        The standard deviation of a run; None if there are too few runs to say.
    finalists : tuple of int
        The trials it was chosen from.
    reason : str
        Why it was chosen when it was: "rounds", "settled", "only one" or "no noise".
    runs : int
        Fresh runs before it was chosen, of all finalists.
    claim_runs : int
        Fresh runs of it afterwards: they chose nothing.
    own_runs : int
        How many of these were its own and gave a result: what `value` and `interval` rest on.
    failed_runs : int
        How many of its own fresh runs failed.
    far : float
        How many standard deviations its farthest run lies from the others.
    feasible : bool
        Whether the means of its fresh runs keep the constraints.
    compared : tuple of Compared
        The other finalists, the second first, and what `compare=` named.
    late_gain : float or None
        How much the last third of the search improved the score, if fresh runs chose a trial from before:
        so far as they can tell, that was luck. Else None.
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
    noise: float | None
    finalists: tuple[int, ...]
    reason: str
    runs: int
    claim_runs: int
    own_runs: int
    failed_runs: int
    far: float
    feasible: bool
    compared: tuple[Compared, ...]
    trials: int
    late_gain: float | None = None
    reported: Mapping[str, Estimate] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """All of it as plain types."""
        return asdict(self)

    def __str__(self) -> str:
        from rung.analysis._winner_words import lines

        return "\n".join(lines(self))


def winner_of(state: StudyState, level: float = 0.9, *, reported: bool = False) -> Winner:
    """The confirmed winner; raises NoTrialError, which says what is missing, if there is none."""
    current = state.confirmed
    if len(state.goals.metrics) > 1:
        raise NoTrialError("of several objectives no trial is the winner; see study.confirmed_front()")
    if current is None:
        raise NoTrialError(why_none(state))
    if current.reason == NO_NOISE:
        return _without_noise(state, current, level)
    return _estimated(state, current, level, reported)


def why_none(state: StudyState) -> str:
    """What is missing for a confirmed winner, or a confirmed front."""
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
        0, len(current.choosing), 0, 0.0, True, (), len(state.trials),
    )  # fmt: skip


def _estimated(state: StudyState, current: Confirmation, level: float, reported: bool) -> Winner:
    from rung.confirmation.policy import Fresh
    from rung.confirmation.statistics import Noise, farthest
    from rung.study.history import History

    fresh = Fresh(History(state), current)
    losses = {number: fresh.losses(number) for number in (*current.finalists, *current.compared)}
    losses = {number: runs for number, runs in losses.items() if runs}
    finalists = [number for number in current.finalists if number in losses]
    number = current.winner
    assert number is not None
    if number not in losses:
        raise NoTrialError(f"all fresh runs of the winner, trial {number}, failed: nothing can be claimed")
    runs = [losses[n] for n in finalists]
    noise = Noise.of(runs)
    w, metric = finalists.index(number), state.goals.first
    posterior = fresh.posterior(runs)
    found = noise.interval(w, level, len(current.finalists))
    trial = state.trials[number]
    assert trial.value is not None
    sd = math.sqrt(noise.variances[w]) if noise.freedom else None
    value = metric.loss(float(posterior.means[w]))
    return Winner(
        number, dict(trial.config), metric.name, value, _signed(found.ends, metric), level,
        trial.value, metric.loss(value) - metric.loss(trial.value), float(posterior.best[w]),
        float(posterior.expected_loss[w]), sd, current.finalists, current.reason, len(current.choosing),
        len(current.claiming), len(runs[w]), sum(t.status == Outcome.FAILED for t in fresh.trials(number)),
        farthest(runs, w), fresh.feasible(fresh.completed(number)),
        _compared(losses, number, current, level), len(state.trials), _late_gain(state, trial),
        _reported(state, fresh.current, level) if reported else {},
    )  # fmt: skip


def _signed(ends: tuple[float, float] | None, metric: Metric) -> tuple[float, float] | None:
    return ends if ends is None or metric.mode == "min" else (-ends[1], -ends[0])


def _late_gain(state: StudyState, winner: Trial) -> float | None:
    """By how much the score of the last third beats that of the rest, if the winner is from the rest."""
    loss = state.goals.first.loss
    searched = [t for t in state.searched if t.status == Outcome.COMPLETED and t.feasible]
    begin = searched[len(searched) * 2 // 3].number
    early, late = (
        min((loss(t.value) for t in searched if (t.number >= begin) == is_late and t.value is not None),
            default=math.inf)
        for is_late in (False, True)
    )  # fmt: skip
    gained = early - late
    return gained if winner.number < begin and 0 < gained < math.inf else None


def _compared(
    losses: Mapping[int, Mapping[int, float]], winner: int, current: Confirmation, level: float
) -> tuple[Compared, ...]:
    from rung.confirmation.statistics import difference

    others = [number for number in losses if number != winner]
    found = []
    for number in others:
        by = difference(losses[winner], losses[number], level, len(others))
        asked = number in current.compared
        found.append(Compared(number, by.by.mean, by.by.ends, by.p_better, by.settled, by.pairs,
                              by.pairs_to_settle, asked))  # fmt: skip
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
