"""The winner, and what may be claimed for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rung._text import visible
from rung.errors import NoTrialError
from rung.study.events import Outcome
from rung.study.standing import Incumbent
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
        names = ", ".join(m.name for m in state.goals.metrics)
        raise NoTrialError(
            f"with several objectives ({names}) there is no single best trial; see study.front"
        )
    best = state.standing.best
    if best is None:
        raise NoTrialError(_why_none(state))
    return best


def pareto_front(state: StudyState) -> Sequence[Trial]:
    """Feasible completed trials that no other dominates, sorted by the first objective."""
    import numpy as np  # `rung status` does without

    from rung.study.history import History
    from rung.study.pareto import nondominated

    completed = [t.number for t in state.trials if t.status == Outcome.COMPLETED and t.feasible]
    candidates = [n for n in completed if not state.goals.missing(state.trials[n].metrics)]
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

    @classmethod
    def of(cls, state: StudyState) -> FinalReport:
        """Of the winner; raises NoTrialError without one."""
        best = incumbent(state)
        trial, chosen_by = best.trial, {state.goals.metrics[0].name: best.value}
        held_back, at = trial.held_back, ""
        if best.resource is not None:
            at = f"{state.resource} {best.resource}"
            held_back = dict(next((r.held_back for r in trial.reports if r.resource == best.resource), {}))
        config, looks = dict(trial.config), state.looks
        return cls(trial.number, config, chosen_by, dict(held_back), looks, len(state.trials), at)

    def __str__(self) -> str:
        at = f", which has not completed; of its report of {visible(self.at)}" if self.at else ""
        lines = [f"winner: trial {self.trial} of {self.trials}{at}", *_rows(self.config)]
        lines += [
            f"chosen by (the best of {self.trials}, so too good to be claimed):",
            *_rows(self.chosen_by),
        ]
        if self.reported:
            lines += [f"reported (looked at {_times(self.looks)}):", *_rows(self.reported)]
        return "\n".join(lines)


def _rows(values: Mapping[str, Any]) -> list[str]:
    shown = {visible(name): f"{v:.6g}" if isinstance(v, float) else str(v) for name, v in values.items()}
    return [f"  {name} = {visible(text)}" for name, text in shown.items()]


def _times(n: int) -> str:
    return "once" if n == 1 else f"{n} times"
