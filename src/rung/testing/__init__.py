"""What must hold of every study and part, as functions: for rung's tests and for those of users' parts."""

from __future__ import annotations

from rung.testing.decisions import check_decisions
from rung.testing.executors import check_executor
from rung.testing.invariants import check_log, check_state
from rung.testing.schedulers import check_scheduler
from rung.testing.searchers import check_searcher
from rung.testing.storages import check_storage

__all__ = [
    "check_decisions",
    "check_executor",
    "check_log",
    "check_scheduler",
    "check_searcher",
    "check_state",
    "check_storage",
]
