"""How much each hyperparameter matters: one method is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable

from rung._text import brief
from rung.analysis.importance import fanova, ped_anova
from rung.analysis.importance.result import Effect, HyperparameterImportance, Importance, Share
from rung.errors import ArgumentError, NoTrialError
from rung.searchers.landscape import Landscape, ranking
from rung.space.values import did_you_mean
from rung.study.history import History
from rung.study.metrics import Metric
from rung.study.state import StudyState

__all__ = ["METHODS", "Effect", "HyperparameterImportance", "Importance", "Share", "importance", "metric_of"]


def importance(
    state: StudyState,
    metric: str | None = None,
    method: str = "fanova",
    best: float = 0.1,
    level: float = 0.9,
) -> Importance:
    """Return the importance of a study's hyperparameters; see `StudyView.importance`."""
    if method not in METHODS:
        raise ArgumentError(f"importance: method={brief(method)}; {did_you_mean(str(method), METHODS)}")
    for name, value in (("best", best), ("level", level)):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
            raise ArgumentError(f"importance: {name}={brief(value)}; give a number in (0, 1), such as 0.1")
    if not state.space.varying:
        raise NoTrialError("no importance: every hyperparameter of this space is a constant")
    wanted = state.goals.first if metric is None else metric_of(state, metric)
    each, trials, explained = METHODS[method](History(state), wanted, best, level)
    each.sort(key=lambda one: one.overall.most.value if one.overall else -1.0, reverse=True)
    return Importance(wanted.name, method, best, level, trials, explained, tuple(each))


def metric_of(state: StudyState, name: str) -> Metric:
    """Return the metric of that name: an objective, one with a bound, or any that trials have."""
    goals = state.goals
    for metric in goals.metrics:
        if metric.name == name:
            return metric
    for bound in goals.constraints:
        if bound.name == name:
            return Metric(name, "min" if bound.relation in {"<", "<="} else "max")
    if name in goals.report_only:
        raise ArgumentError(f"metric={brief(name)}: it is only reported; see final_report()")
    known = list(dict.fromkeys(found for trial in state.searched for found in trial.metrics))
    if name not in known:
        raise ArgumentError(
            f"metric={brief(name)}: no trial has it; {did_you_mean(str(name), known or goals.tuned)}"
        )
    return Metric(name)


Found = tuple[list[HyperparameterImportance], int, float | None]


def _fanova(history: History, metric: Metric, best: float, level: float) -> Found:
    landscape = Landscape.of(history, metric)
    return fanova.importances(landscape, best, level), landscape.trials, landscape.explained


def _ped_anova(history: History, metric: Metric, best: float, level: float) -> Found:
    points, losses = ranking(history, metric)
    return ped_anova.importances(history.space, points, losses, best, level), len(losses), None


METHODS: dict[str, Callable[[History, Metric, float, float], Found]] = {
    "fanova": _fanova,
    "ped-anova": _ped_anova,
}
