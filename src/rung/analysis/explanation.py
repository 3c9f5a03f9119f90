"""What is at work in a study, and what its model is worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rung import schedulers, searchers
from rung._text import visible, visible_lines
from rung.study.history import History
from rung.study.state import StudyState


def explain(state: StudyState, plan: Mapping[str, Any]) -> str:
    """Return which searcher and scheduler are at work, what "auto" chose, and what the model is worth.

    `plan` is that of the session that runs, or of the last one.
    """
    history = History(state)
    stored = plan.get("scheduler", {})
    searcher, scheduler = plan.get("searcher", {}).get("name", "unknown"), stored.get("name", "unknown")
    if searcher == "auto":
        searcher = searchers.Auto().explain(history)
    if searcher.startswith("gp"):
        searcher += "\n" + searchers.GP().explain(history)
    if scheduler == "auto" and state.sessions:
        arguments = {name: stored[name] for name in ("min_resource", "eta") if name in stored}
        scheduler = schedulers.Auto(**arguments).explain(history)
    return f"searcher: {visible_lines(searcher)}\nscheduler: {visible(scheduler)}"
