"""The winner, and what may be claimed for it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rung._text import visible
from rung.analysis.winner import Winner, winner_of
from rung.errors import NoTrialError
from rung.study.confirmations import NO_NOISE
from rung.study.events import Outcome
from rung.study.standing import Incumbent, may_be_in_front
from rung.study.state import StudyState
from rung.study.trial import Trial


def best_trial(state: StudyState) -> Trial:
    """The best feasible completed trial, or before there is one, the trial of the best report so far.

    Raises NoTrialError with the reason if there is neither.
    """
    return incumbent(state).trial


def incumbent(state: StudyState) -> Incumbent:
    """`best_trial` with its value, and the resource of its report if it has not completed."""
    if len(state.goals.metrics) > 1:
        names = ", ".join(state.goals.tuned)
        raise NoTrialError(
            f"with several objectives ({names}) there is no single best trial; see study.front"
        )
    confirmed = state.confirmed
    if confirmed is not None and confirmed.reason != NO_NOISE:
        winner = winner_of(state)
        return Incumbent(state.trials[winner.trial], winner.value)
    best = state.standing.best
    if best is None:
        raise NoTrialError(_why_none(state))
    return best


def pareto_front(state: StudyState) -> Sequence[Trial]:
    """Feasible completed trials that no other dominates, sorted by the first objective."""
    import numpy as np  # `rung status` does without

    from rung.study.history import History
    from rung.study.pareto import nondominated

    candidates = [t.number for t in state.trials if may_be_in_front(t, state.goals)]
    losses = History(state).losses[candidates]
    numbers = np.array(candidates, dtype=int)[nondominated(losses)]
    first = {number: tuple(row) for number, row in zip(candidates, losses.tolist(), strict=True)}
    return tuple(state.trials[n] for n in sorted(numbers.tolist(), key=lambda n: (first[n], n)))


def _why_none(state: StudyState) -> str:
    completed = [t for t in state.trials if t.status == Outcome.COMPLETED]
    if completed:
        bounds = ", ".join(map(str, state.goals.constraints))
        return f"none of {len(completed)} completed trials keeps {bounds}"
    failed = next((t for t in state.trials if t.status == Outcome.FAILED), None)
    if failed is not None:
        return f"no trial has succeeded; the first failure, trial {failed.number}: {failed.reason}"
    return "no trial has completed yet"


@dataclass(frozen=True, slots=True)
class FinalReport:
    """The winner: what chose it, and what may be said of it."""

    trial: int
    config: Mapping[str, Any]
    chosen_by: Mapping[str, float]
    """The tuned metric of the winner."""
    reported: Mapping[str, float]
    """What `report_only` names: measured, never used to choose."""
    looks: int
    """How often these were looked at, this time included."""
    trials: int
    at: str = ""
    """The report that chose it, such as "epoch 3"; "" if the winner has completed."""
    winner: Winner | None = None
    """What fresh runs of it say, with the intervals of what is reported; None if it is not confirmed."""
    study: str = ""
    by_schedule: bool = False
    """Whether the configuration is the end of a schedule (pbt), so that it can't be confirmed."""

    @classmethod
    def of(cls, state: StudyState, study: str) -> FinalReport:
        """Of the winner of a study of that name; raises NoTrialError without one."""
        best = incumbent(state)
        trial, chosen_by = best.trial, {state.goals.first.name: best.value}
        reported, at, winner = dict(trial.held_back), "", None
        if best.resource is not None:
            at = f"{state.resource} {best.resource}"
            reported = dict(next((r.held_back for r in trial.reports if r.resource == best.resource), {}))
        if state.confirmed is not None:
            winner = winner_of(state, reported=True)
            reported |= {name: estimate.value for name, estimate in winner.reported.items()}
        config, looks = dict(trial.config), state.looks
        by_schedule = (state.plan.get("scheduler") or {}).get("name") == "pbt"
        return cls(
            trial.number, config, chosen_by, reported, looks, len(state.trials), at, winner, study,
            by_schedule,
        )  # fmt: skip

    def __str__(self) -> str:
        if self.winner is not None:
            first, *more = str(self.winner).splitlines()
            looks = [f"reported metrics were looked at {_times(self.looks)}"] if self.reported else []
            return "\n".join([first, *_rows(self.config), *more, *looks])
        at = f", which has not completed; of its report of {visible(self.at)}" if self.at else ""
        lines = [f"winner: trial {self.trial} of {self.trials}{at}", *_rows(self.config)]
        lines += [
            f"chosen by (the best of {self.trials}, so too good to be claimed):",
            *_rows(self.chosen_by),
        ]
        if len(self.chosen_by) == 1:
            how = f"rung confirm {shlex.quote(visible(self.study))} --runs 20"
            lines += [
                f"not confirmed: {'a schedule of pbt can not be run again' if self.by_schedule else how}"
            ]
        if self.reported:
            lines += [f"reported (looked at {_times(self.looks)}):", *_rows(self.reported)]
        return "\n".join(lines)


def _rows(values: Mapping[str, Any]) -> list[str]:
    shown = {visible(name): f"{v:.6g}" if isinstance(v, float) else str(v) for name, v in values.items()}
    return [f"  {name} = {visible(text)}" for name, text in shown.items()]


def _times(n: int) -> str:
    return "once" if n == 1 else f"{n} times"
