"""A study as the page shows it: plain types, and nothing of what `report_only` holds back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from rung._status import state_of, summary_of
from rung.errors import NoTrialError
from rung.page.plain import NAME, lines, number, text, value
from rung.space import Categorical, Constant, Domain, Float, Int, Ordinal
from rung.storage import Owner
from rung.study.events import Event, Outcome
from rung.study.metrics import MEASURED
from rung.study.standing import remark
from rung.study.state import StudyState
from rung.study.trial import Trial
from rung.views.summary import ending

METRICS = 40
"""Metrics that are columns; a trial's own page has all of them."""
CHOICES = 2000
"""Choices with a label of their own; the others are numbered."""
_LONGEST = 100_000
"""Characters of a traceback or a note."""
_WITH_REASON = {Outcome.FAILED, Outcome.LOST, Outcome.INTERRUPTED}


class Viewed(Protocol):
    """What the page needs of a `StudyView`."""

    @property
    def name(self) -> str:
        """The study's name."""
        ...

    @property
    def state(self) -> StudyState:
        """The fold of its log."""
        ...

    @property
    def folder(self) -> Path | None:
        """Where its files lie."""
        ...

    def refresh(self) -> int:
        """Take in what was added."""
        ...

    def events(self, after: int = 0) -> Iterator[Event]:
        """Read the log."""
        ...

    def explain(self) -> str:
        """What is at work."""
        ...


def study(
    name: str,
    state: StudyState,
    owner: Owner | None,
    which: Iterable[int] | None = None,
    choices: int = CHOICES,
) -> dict[str, Any]:
    """All of a study but its curves; with some trials only, and so many choices with a label."""
    return {
        "name": text(name),
        "version": state.events,
        "status": status(name, state, owner),
        "goals": {
            "metrics": [{"name": m.name, "mode": m.mode} for m in state.goals.metrics],
            "constraints": [text(c) for c in state.goals.constraints],
            "hidden": [text(held) for held in state.goals.report_only[:METRICS]],
        },
        "resource": text(state.resource),
        "max_resource": state.plan.get("max_resource"),
        "space": [_domain(name, state.space[name], choices) for name in state.space],
        "metrics": list(metric_names(state)),
        "sessions": [{"t": s.t, "wall": s.wall} for s in state.sessions],
        "trials": trials(state, range(len(state.trials)) if which is None else which),
    }


def status(name: str, state: StudyState, owner: Owner | None) -> dict[str, Any]:
    """How the study stands now."""
    summary = summary_of(name, state, owner)
    standing = state_of(state, owner)
    best = summary.best
    return {
        "state": standing,
        "ending": "running" if owner else ending(standing),
        "owner": text(owner) if owner else None,
        "counts": {**summary.counts, **({"running": len(summary.running)} if summary.running else {})},
        "finished": summary.finished,
        "n_trials": summary.n_trials,
        "elapsed": summary.elapsed,
        "timeout": summary.timeout,
        "left": summary.seconds_left if owner else None,
        "best": best and {"trial": best.trial, "value": number(best.value), "at": text(best.at)},
        "front": [trial.number for trial in state.standing.front] if summary.front is not None else None,
        "running": [[r.trial, r.attempt, r.resource, number(r.value), r.seconds] for r in summary.running],
        "winner": _winner(state),
        "command": text(state.plan.get("command") or "", 2000),
        "looks": state.looks,
        "now": time.time(),
    }


def card(name: str, state: StudyState, owner: Owner | None) -> dict[str, Any]:
    """A line of the list of studies."""
    found = status(name, state, owner)
    kept = ("state", "ending", "counts", "finished", "n_trials", "elapsed", "best", "front", "left", "winner")
    return {
        **{key: found[key] for key in kept},
        "metric": text(state.goals.first.name),
        "objectives": len(state.goals.metrics),
        "front": None if found["front"] is None else len(found["front"]),
    }


def _winner(state: StudyState) -> dict[str, Any] | None:
    if state.confirmed is None:
        return None
    from rung.analysis.winner import winner_of  # loads scipy

    try:
        found = winner_of(state)
    except NoTrialError:
        return None
    return {
        "trial": found.trial,
        "value": number(found.value),
        "interval": None if found.interval is None else [number(end) for end in found.interval],
        "level": found.level,
        "runs": found.own_runs,
        "observed": number(found.observed),
        "text": lines(str(found), 4000),
    }


def metric_names(state: StudyState) -> Sequence[str]:
    """The metrics that are columns: those of the goals first, none that is held back."""
    held_back = set(state.goals.report_only)
    seen = dict.fromkeys(state.goals.required)
    for shape in state.curve.shapes:
        seen.update(dict.fromkeys(shape))
    for number_ in (
        *range(min(20, len(state.trials))),
        *range(max(0, len(state.trials) - 20), len(state.trials)),
    ):
        seen.update(dict.fromkeys(state.trials[number_].metrics))
    names = [name for name in seen if name not in held_back and name not in MEASURED]
    return [*names, *(name for name in MEASURED if name in seen)][:METRICS]


def _domain(name: str, domain: Domain, choices: int) -> dict[str, Any]:
    found: dict[str, Any] = {"name": text(name), "kind": "other"}
    if isinstance(domain, Float | Int):
        kind = "float" if isinstance(domain, Float) else "int"
        found |= {"kind": kind, "low": number(domain.low), "high": number(domain.high), "log": domain.log}
    elif isinstance(domain, Constant):
        found |= {"kind": "constant", "value": value(domain.value)}
    elif isinstance(domain, Ordinal | Categorical):
        found |= {"kind": "choice", "choices": [_label(c) for c in domain.choices[:choices]]}
    if domain.condition is not None:
        found["when"] = text(repr(domain.condition))
    return found


def _label(choice: Any) -> str:
    return text(choice, 80) if isinstance(choice, str) else text(repr(choice), 80)


def trials(state: StudyState, which: Iterable[int]) -> dict[str, Any]:
    """Trials in columns."""
    chosen = [state.trials[n] for n in which]
    names = list(state.space)
    metric = state.goals.first.name
    return {
        "number": [t.number for t in chosen],
        "status": [str(t.status) for t in chosen],
        "value": [number(_value(t, metric)) for t in chosen],
        "resource": [t.resource for t in chosen],
        "origin": [text(t.origin) for t in chosen],
        "created": [t.created for t in chosen],
        "ended": [t.ended for t in chosen],
        "seconds": [_seconds(t, state.t) for t in chosen],
        "attempts": [len(t.attempts) for t in chosen],
        "feasible": [t.feasible for t in chosen],
        "parent": [t.parent for t in chosen],
        "repeats": [t.repeats for t in chosen],
        "reason": [text(t.reason) if t.status in _WITH_REASON else "" for t in chosen],
        "config": [_config_column(chosen, name, state.space[name]) for name in names],  # as in `space`
        "metrics": {name: [number(t.metrics.get(name)) for t in chosen] for name in metric_names(state)},
    }


def _config_column(chosen: Sequence[Trial], name: str, domain: Domain) -> list[Any]:
    if isinstance(domain, Constant):
        return []  # its value stands in `space`
    read = _reader(domain)
    return [read(t.config[name]) if name in t.config else None for t in chosen]


def _reader(domain: Domain) -> Callable[[Any], Any]:
    # A choice is its place in the list: its text may be long, and stand there thousands of times.
    if isinstance(domain, Ordinal | Categorical):
        place = {choice: i for i, choice in enumerate(domain.choices)}
        return place.__getitem__
    return value


def _value(trial: Trial, metric: str) -> float | None:
    if trial.value is not None or trial.status == Outcome.FAILED:
        return trial.value
    return trial.reports[-1].metrics.get(metric) if trial.reports else None


def _seconds(trial: Trial, now: float) -> float:
    return sum((now if a.ended is None else a.ended) - a.started for a in trial.attempts)


def trial(viewed: Viewed, found: Trial, most: int = _LONGEST) -> dict[str, Any]:
    """One trial with its metrics, attempts and notes; its curves are `curves.of_trial`."""
    state = viewed.state
    return {
        "number": found.number,
        "status": str(found.status),
        "origin": text(found.origin),
        "remark": text(remark(found, state), 2000),
        "value": number(_value(found, state.goals.first.name)),
        "feasible": found.feasible,
        "config": [[text(name, NAME), value(chosen)] for name, chosen in found.config.items()],
        "metrics": [[text(name), number(measured)] for name, measured in found.metrics.items()],
        "attempts": [
            {"number": a.number, "started": a.started, "ended": a.ended, "outcome": a.outcome,
             "reason": text(a.reason, 2000), "traceback": lines(a.traceback, most)}
            for a in found.attempts
        ],
        "notes": [
            {"attempt": note.attempt, "t": note.t,
             "values": [[text(name), _noted(kept, most)] for name, kept in note.values.items()],
             "files": [text(name) for name, path in note.files.items() if path]}
            for note in found.notes
        ],
        "parent": found.parent,
        "repeats": found.repeats,
        "repeat": found.repeat,
        "children": [t.number for t in state.trials if found.number in (t.parent, t.repeats)][:200],
    }  # fmt: skip


def _noted(kept: Any, most: int) -> Any:
    return lines(kept, most) if isinstance(kept, str) else value(kept)


def timeline(state: StudyState) -> dict[str, Any]:
    """Every attempt: of which trial, from when to when, and how it ended."""
    runs = [(trial, a) for trial in state.trials if not trial.is_imported for a in trial.attempts]
    runs.sort(key=lambda run: run[1].started)
    return {
        "version": state.events,
        "now": state.t,
        "workers": state.plan.get("n_workers"),
        "trial": [t.number for t, _ in runs],
        "attempt": [a.number for _, a in runs],
        "started": [a.started for _, a in runs],
        "ended": [a.ended for _, a in runs],
        "outcome": [None if a.outcome is None else str(a.outcome) for _, a in runs],
    }


def problem(error: BaseException) -> Mapping[str, Any]:
    """An error, as the page shows it."""
    return {"error": lines(str(error), 4000)}
