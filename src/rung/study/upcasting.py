"""Events as older formats stored them, turned into those of today: the one place that knows what they were.

An event is recognised by its own fields, so that it can be read without the session that wrote it. A function
here is given nothing that today's rung writes but to return it as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Body = dict[str, Any]


def upcast(kind: str, body: Body) -> Body:
    """Return the body of an event in today's format; raises KeyError if it was never whole."""
    change = _CHANGES.get(kind)
    return body if change is None else change(body)


def _worker_started(body: Body) -> Body:
    # In formats 1 and 2 every worker was a process, and the facts by which it is found again were fields.
    if "backend" in body or "identity" in body:
        return body
    facts = ("pid", "guard", "started", "boot")
    others = {name: value for name, value in body.items() if name not in facts}
    return {**others, "backend": "processes", "identity": {name: body[name] for name in facts}}


_CHANGES: Mapping[str, Callable[[Body], Body]] = {"WorkerStarted": _worker_started}
