"""What must hold of every study, as functions: for rung's own tests and for those of other people's parts."""

from __future__ import annotations

from rung.testing.decisions import check_decisions
from rung.testing.invariants import check_log, check_state

__all__ = ["check_decisions", "check_log", "check_state"]
