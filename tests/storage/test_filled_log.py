"""A commit of durability="machine" does not make its file longer: syncing that is dear."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

import pytest
from tests.storage.test_disk_faults import CREATED, in_a_child, reported

from rung.storage import Owner
from rung.storage._filled import ROOM
from rung.storage.sqlite import SqliteStorage


def acquired(root: Path, durability: str):
    storage = SqliteStorage(root, durability)
    storage.create("a", CREATED)
    return (
        storage,
        storage.acquire("a", Owner("here", os.getpid(), time.time())),
        storage.folder("a") / "study.db-wal",
    )


def test_a_commit_finds_its_room_in_the_log(tmp_path):
    storage, lease, log = acquired(tmp_path, "machine")
    assert log.stat().st_size == ROOM
    for n in range(1, 101):
        storage.append(lease, [reported(n)])
        assert log.stat().st_size == ROOM
    assert list(storage.read("a")) == [CREATED, *map(reported, range(1, 101))]
    storage.release(lease)
    assert not log.exists()


def test_a_log_that_a_killed_owner_left_is_read_and_written_on(tmp_path):
    storage, lease, log = acquired(tmp_path, "machine")
    storage.append(lease, [reported(1)])
    left = log.read_bytes(), log.with_name("study.db").read_bytes()
    storage.release(lease)
    log.write_bytes(left[0])
    log.with_name("study.db").write_bytes(left[1])
    lease = storage.acquire("a", Owner("here", os.getpid(), time.time()))
    storage.append(lease, [reported(2)])
    assert list(storage.read("a")) == [CREATED, reported(1), reported(2)]
    storage.release(lease)


def test_nothing_is_kept_ready_where_nothing_is_synced(tmp_path):
    storage, lease, log = acquired(tmp_path, "process")
    assert log.stat().st_size < ROOM / 10
    storage.release(lease)


@pytest.mark.parametrize("kilobytes", [50, 3000])
def test_a_disk_without_the_room_is_written_as_far_as_it_goes(tmp_path, kilobytes):
    def task() -> str:
        resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes * 1024, kilobytes * 1024))
        storage, lease, log = acquired(tmp_path, "machine")
        taken = log.stat().st_size
        storage.append(lease, [reported(1)])
        storage.release(lease)
        return f"{taken < 25_000} {list(storage.read('a')) == [CREATED, reported(1)]}"

    assert in_a_child(task) == "True True"
