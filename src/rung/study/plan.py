"""What a session was asked for, as it stands in the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rung._text import brief
from rung.study.budget import Budget, whole

_TYPES: dict[str, tuple[type, ...]] = {
    "searcher": (dict,), "scheduler": (dict,), "flags": (dict,), "timeout": (int, float, type(None)),
    "n_trials": (int, type(None)), "max_resource": (int, type(None)), "n_workers": (int,), "resource": (str,),
    "command": (str,), "file": (str,), "objective": (str,), "objective_code": (str,),
}  # fmt: skip


def check_plan(plan: Mapping[str, Any]) -> None:
    """Raise ValueError unless what is read of a plan has its type and its range; it may lack anything."""
    for name, types in _TYPES.items():
        if name in plan and type(plan[name]) not in types:
            raise ValueError(f"plan: {name}={brief(plan[name])}")
    for part in ("searcher", "scheduler"):
        if not isinstance(plan.get(part, {}).get("name", ""), str):
            raise ValueError(f"plan: {part}={brief(plan[part])}")
    Budget.of(plan.get("n_trials"), plan.get("timeout"))
    if plan.get("max_resource") is not None:
        whole("max_resource", plan["max_resource"], 1)
