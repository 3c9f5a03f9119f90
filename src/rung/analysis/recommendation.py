"""The configuration to take, where the best value may be that of a lucky trial."""

from __future__ import annotations

from dataclasses import dataclass

from rung._text import visible
from rung.analysis.results import incumbent
from rung.searchers import GP
from rung.space import Config
from rung.study.history import History
from rung.study.state import StudyState


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The trial to take, and why.

    Attributes
    ----------
    trial : int
        Its number.
    config : dict
        Its configuration.
    value : float
        The tuned metric that it gave.
    expected : float or None
        What a Gaussian process through all trials expects of it, in the unit of the metric; None where there
        are too few trials for a model.
    reason : str
        One sentence.
    """

    trial: int
    config: Config
    value: float
    expected: float | None
    reason: str

    def __str__(self) -> str:
        names = (f"  {visible(name)} = {value}" for name, value in self.config.items())
        return "\n".join([f"recommended: trial {self.trial}", *names, self.reason])


def recommended(state: StudyState) -> Recommendation:
    """Return the completed trial of which a Gaussian process through all trials expects the best value.

    Raises NoTrialError if there is none.
    """
    found = incumbent(state)
    best, value = found.trial, found.value
    sign = -1.0 if state.goals.first.mode == "max" else 1.0
    expected = {e.trial: sign * e.loss for e in GP().recommend(History(state))}  # the best first
    if best.number not in expected:
        why = "the best value; too few trials for a model"
        if found.resource is not None:
            why = f"the best report so far, of {state.resource} {found.resource}; no trial has completed"
        return Recommendation(best.number, dict(best.config), value, None, why)
    number = next(iter(expected))
    mine, of_best = expected[number], expected[best.number]
    if number == best.number:
        reason = f"the best value ({value:.4g}), and the model expects the best of it too ({mine:.4g})"
    else:
        reason = (
            f"the model expects {mine:.4g} of it and {of_best:.4g} of trial {best.number}, whose"
            f" {value:.4g} is the best value but looks lucky"
        )
    trial = state.trials[number]
    assert trial.value is not None
    return Recommendation(number, dict(trial.config), trial.value, mine, reason)
