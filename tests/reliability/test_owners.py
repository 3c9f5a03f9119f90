"""Two coordinators and one study: a stopped owner, a dead one, and two at the same moment."""

from __future__ import annotations

import os
import time

import pytest
from benchmarks.torture.kills import Study
from benchmarks.torture.owners import stale_owner, starts

from rung.storage import Owner
from rung.storage.sqlite import SqliteStorage

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("number", range(4))
def test_a_stopped_owner_that_wakes_after_a_take_over_writes_nothing(tmp_path, number):
    """It keeps the study while its lock is there; without, the epoch in the database fences it off."""
    stale_owner(tmp_path, n_workers=1 + number % 2, wakes_early=number % 4 > 1)


def test_of_two_that_start_at_once_one_wins(tmp_path):
    assert len(starts(tmp_path, 20)) == 20


def test_a_dead_owners_study_is_taken_at_once(tmp_path):
    study = Study(tmp_path, n_trials=10**6)
    process = study.start()
    study.await_work(process)
    process.kill()
    process.communicate()
    storage = SqliteStorage(tmp_path / "studies")
    storage.release(storage.acquire("tortured", Owner("here", os.getpid(), time.time())))
    study.await_gone("a take-over", lambda: study.survivors(study.runs + 1))
