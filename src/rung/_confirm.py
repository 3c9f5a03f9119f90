"""Study.confirm(): fresh runs for the finalists of a study that is over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rung._interrupts import interrupted
from rung._running import run_session, work_of
from rung._text import brief, is_iterable
from rung._view import StudyView
from rung.analysis.confirmed_front import ConfirmedFront
from rung.analysis.winner import Winner
from rung.engine.confirming import FEWEST, Confirming, is_under_way
from rung.errors import ArgumentError, NoTrialError
from rung.objectives.function import Objective
from rung.settings import Settings
from rung.study.budget import whole
from rung.study.events import Outcome
from rung.study.history import History


def confirm(
    study: StudyView,
    settings: Settings,
    objective: Callable[..., Any],
    *,
    runs: int,
    finalists: int,
    compare: Sequence[Mapping[str, Any]],
    made_by: Mapping[str, Any] | None = None,
) -> Winner | ConfirmedFront:
    """Do what `Study.confirm` says."""
    study.refresh()
    runs, finalists = whole("runs", runs, FEWEST), whole("finalists", finalists, 1)
    compared = _numbers(study, compare)
    state = study.state
    begun = is_under_way(History(state))
    if begun:  # it was interrupted: its runs stand in the log
        current = state.confirmations[-1]
        runs = current.runs - len(current.choosing) - len(current.claiming)
    settings = settings.but(n_trials=len(state.trials) + runs, timeout=None, stop_when=None)
    settings.check_confirmation(study.space, runs)
    if several := len(settings.goals.metrics) > 1:
        if not study.front:
            raise NoTrialError(f"study {study.name!r}: no feasible trial has completed")
    else:
        study.best_trial  # noqa: B018 - raises NoTrialError if there is nothing to confirm
    bound = Objective.of(objective, study.space, settings.goals, study.max_resource)
    work, backend = work_of(bound, settings)
    asked = Confirming(0.0, runs, finalists, compared, after=len(state.confirmations) - begun)
    # To resume the study is to go on with its search, whose budget is what it was.
    kept = {key: state.plan[key] for key in ("n_trials", "timeout", "stop_when") if key in state.plan}
    made_by = {**kept, **(made_by or {})}
    how = made_by.get("command") or "the same call of confirm"
    with interrupted(lambda: f"study {study.name!r} stopped, every report is stored; continue with: {how}"):
        run_session(study, settings.for_space(study.space), work, backend, made_by=made_by, confirming=asked)
    return study.confirmed_front() if several else study.winner()


def _numbers(study: StudyView, compare: Any) -> tuple[int, ...]:
    if not is_iterable(compare) or isinstance(compare, str | Mapping):
        raise ArgumentError(f"compare={brief(compare)}; give a list of configurations, which are dicts")
    searched = reversed(study.state.searched)
    known = {study.space.key(t.config): t.number for t in searched if t.status == Outcome.COMPLETED}
    found = []
    for config in compare:
        key = study.space.key(study.space.validate(config))
        if key not in known:
            raise ArgumentError(
                f"compare: {brief(config)} is no completed trial of study {study.name!r}; "
                "run it first, by initial_configs=[...]"
            )
        found.append(known[key])
    return tuple(found)
