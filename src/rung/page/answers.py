"""What the page asks for, by name: each answer is JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rung.errors import ArgumentError, NoTrialError
from rung.page import curves, documents, files, models
from rung.page.live import Followed, Library, listing
from rung.page.plain import encoded, lines
from rung.study.state import StudyState
from rung.study.trial import Trial

Query = Mapping[str, str]


def answer(library: Library, name: str, query: Query, may_stop: bool) -> bytes:
    """The document of that name; raises ArgumentError, StudyNotFound, NoTrialError."""
    if name == "studies":
        return encoded({**listing(library), "may_stop": may_stop})
    study = query.get("study")
    if study is None:
        raise ArgumentError(f"{name}: name a study")
    if name == "card":
        return library.card(study)
    found = library.study(study)
    if name == "study":
        return found.whole()
    if not found.is_watched:
        found.read()
    if name == "surface":
        x, y = _number(query, "x"), _number(query, "y")
        key = (name, query.get("metric"), x, y)
        return found.apart(key, lambda state: models.surface(state, query.get("metric"), x, y))
    if name == "importance":
        metric = query.get("metric")
        return found.apart((name, metric), lambda state: models.importance(state, metric))
    if name in _OF_STATE:
        make = _OF_STATE[name]
        return found.document(name, lambda: make(found.view.state))
    if name in _OF_QUERY:
        with found.lock:
            return encoded(_OF_QUERY[name](found, query))
    raise ArgumentError(f"there is no {name}")


def file(library: Library, query: Query) -> tuple[bytes, str]:
    """A file that `trial.log` kept, and its type."""
    found = library.study(query.get("study", ""))
    with found.lock:
        trial = _trial(found, query)
    return files.noted(found.view.folder, trial, _number(query, "note"), _number(query, "file"))


def _curves(found: Followed, query: Query) -> Any:
    state = found.view.state
    metric = query.get("metric", state.goals.first.name)
    if metric in state.goals.report_only:
        raise ArgumentError(f"{metric} is only reported: rung report shows it")
    which = query.get("trials")
    numbers = None if which is None else [int(n) for n in which.split(",") if n]
    if numbers and not all(0 <= n < len(state.trials) for n in numbers):
        raise NoTrialError("there are no such trials")
    return curves.curves(state, metric, numbers)


def _one_trial(found: Followed, query: Query) -> Any:
    trial = _trial(found, query)
    state = found.view.state
    return {
        **documents.trial(found.view, trial),
        "curves": curves.of_trial(trial, state.goals.report_only),
        "version": state.events,
    }


def _log(found: Followed, query: Query) -> Any:
    trial = _trial(found, query)
    text = files.log(found.view.folder, trial.number, _number(query, "attempt"))
    return {"text": lines(text, 300_000)}


def _explain(found: Followed, _: Query) -> Any:
    return {"text": lines(found.view.explain(), 100_000)}


def _trial(found: Followed, query: Query) -> Trial:
    number, trials = _number(query, "trial"), found.view.state.trials
    if number >= len(trials):
        raise NoTrialError(f"study {found.view.name!r} has no trial {number}")
    return trials[number]


def _number(query: Query, name: str) -> int:
    text = query.get(name, "")
    if not text.isdecimal() or len(text) > 9:
        raise ArgumentError(f"{name}={text[:20]!r}; give a number")
    return int(text)


_OF_STATE: dict[str, Callable[[StudyState], Any]] = {
    "anytime": curves.anytime,
    "rungs": curves.rungs,
    "hypervolume": curves.hypervolume,
    "timeline": documents.timeline,
}
"""Made again when the log has grown."""
_OF_QUERY: dict[str, Callable[[Followed, Query], Any]] = {
    "curves": _curves,
    "trial": _one_trial,
    "log": _log,
    "explain": _explain,
}
