"""What must hold of every study and part, as functions: for rung's tests and for those of users' parts."""

from __future__ import annotations

from rung.testing.decisions import check_decisions
from rung.testing.executors import check_executor
from rung.testing.invariants import check_log, check_state

__all__ = ["check_decisions", "check_executor", "check_log", "check_state"]
