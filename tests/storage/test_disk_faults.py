"""The disk is full, read-only or gone: one clear error, nothing half written, and on it goes when it is back."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from rung.errors import StorageError, StudyNotFound
from rung.space import Float, Space
from rung.storage import Lease, Owner
from rung.storage.sqlite import SqliteStorage
from rung.study.events import Reported, StudyCreated
from rung.study.metrics import Goals

CREATED = StudyCreated(
    id="study", t=0.0, space=Space({"x": Float(0, 1)}).to_json(), goals=Goals.of("y").to_json(), seed=1
)


def owner() -> Owner:
    return Owner("here", os.getpid(), time.time())


def reported(number: int) -> Reported:
    return Reported(id=f"t0/a1/r{number}", t=float(number), trial=0, attempt=1, number=number, resource=number,
                    metrics={"y": 0.1 * number, "x" * 500: 0.0})  # fmt: skip


def in_a_child(task: Callable[[], str]) -> str:
    """What `task` says, run in a fork that may spoil its rights and limits."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads
        child = os.fork()
    if child == 0:
        try:
            said = task()
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writing, said.encode()[:4000])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    os.waitpid(child, 0)
    return said


def append_until_full(storage: SqliteStorage, lease: Lease, n: int = 1) -> tuple[int, str]:
    """Append reports one by one; returns how many events the log held at the end, and what was said then."""
    try:
        for i in range(n, n + 5000):
            n = storage.append(lease, [reported(i)])
    except StorageError as error:
        return n, str(error)
    raise AssertionError("it never was full")


def goes_on(storage: SqliteStorage, n: int, study: str = "a") -> None:
    """The log holds exactly what was acknowledged, and takes more."""
    lease = storage.acquire(study, owner())
    assert list(storage.read(study)) == [CREATED, *map(reported, range(1, n))]
    assert storage.append(lease, [reported(n)]) == n + 1
    storage.release(lease)
    (path,) = storage._root.glob("*/study.db")
    assert not list(path.parent.glob("study.db-*"))


@pytest.mark.parametrize("pages", range(10, 16))
def test_a_full_database_loses_nothing_and_goes_on(tmp_path, pages):
    storage = SqliteStorage(tmp_path, "process")
    storage.create("a", CREATED)
    lease = storage.acquire("a", owner())
    lease.connection.execute(f"PRAGMA max_page_count={pages}")
    n, error = append_until_full(storage, lease)
    assert n > 1
    assert error.startswith("study 'a': the log can't be written: database or disk is full; ")
    assert error.endswith("run it again")
    with pytest.raises(StorageError, match="database or disk is full"):
        storage.append(lease, [reported(i) for i in range(n, n + 50)])
    lease.connection.execute("PRAGMA max_page_count=100000")
    assert storage.append(lease, [reported(n)]) == n + 1  # there is space again
    storage.release(lease)
    goes_on(storage, n + 1)


@pytest.mark.parametrize("kilobytes", [60, 90, 200, 333])
def test_a_file_that_may_not_grow(tmp_path, kilobytes):
    storage = SqliteStorage(tmp_path, "process")
    storage.create("a", CREATED)

    def task() -> str:
        resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes * 1024, kilobytes * 1024))
        lease = storage.acquire("a", owner())
        said = append_until_full(storage, lease)
        storage.release(lease)
        return repr(said)

    n, error = eval(in_a_child(task))
    assert n > 1
    assert "study 'a': the log can't be written: " in error
    assert "run it again" in error
    goes_on(storage, n)


@pytest.mark.parametrize("kilobytes", [0, 1, 8, 20])
def test_no_study_is_half_made_on_a_full_disk(tmp_path, kilobytes):
    storage = SqliteStorage(tmp_path / "root")

    def task() -> str:
        resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes * 1024, kilobytes * 1024))
        storage.create("a", CREATED)
        return "made"

    assert in_a_child(task).startswith(f"StorageError: no study can be made in {tmp_path / 'root'}: ")
    assert not list((tmp_path / "root").iterdir())
    storage.create("a", CREATED)
    assert list(storage.read("a")) == [CREATED]


@pytest.mark.slow
def test_a_disk_of_one_megabyte(tmp_path):
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(tmp_path)], check=False)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        storage = SqliteStorage(tmp_path / "root")
        storage.create("a", CREATED)
        lease = storage.acquire("a", owner())
        n, error = append_until_full(storage, lease)
        assert n > 100
        assert "run it again" in error
        with pytest.raises(StorageError, match="no study can be made in"):
            storage.create("b", CREATED)
        assert [path.name[:1] for path in (tmp_path / "root").iterdir()] == ["a"]
        subprocess.run(["mount", "-o", "remount,size=8m", str(tmp_path)], check=True)
        n = storage.append(lease, [reported(n)])
        storage.release(lease)
        goes_on(storage, n)
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.fixture
def open_folder():
    """A folder that other users may enter; pytest's own are closed to them."""
    folder = Path(tempfile.mkdtemp())
    yield folder
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o700)
    shutil.rmtree(folder)


def read_only(folder: Path, task: Callable[[], str]) -> str:
    """What `task` says where it may write nothing under `folder`."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)

    def with_rights_of_nobody() -> str:
        if os.getuid() == 0:  # whom no mode of a file stops
            os.setgid(65534)
            os.setuid(65534)
        return task()

    return in_a_child(with_rights_of_nobody)


def test_a_read_only_folder_is_read_and_not_written(open_folder):
    storage = SqliteStorage(open_folder)
    storage.create("a", CREATED)
    before = {path: path.read_bytes() for path in open_folder.rglob("*") if path.is_file()}

    def task() -> str:
        said = [f"{len(list(storage.read('a')))} event of {storage.studies()[0].name}"]
        for refused in (lambda: storage.acquire("a", owner()), lambda: storage.create("b", CREATED)):
            try:
                refused()
            except StorageError as error:
                said.append(str(error))
        return "\n".join(said)

    assert read_only(open_folder, task).split("\n") == [
        "1 event of a",
        f"study 'a': {storage.folder('a') / 'study.lock'} can't be written: Permission denied",
        f"no study can be made in {open_folder}: Permission denied",
    ]
    assert before == {path: path.read_bytes() for path in open_folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("gone", [shutil.rmtree, lambda folder: folder.rename(folder.with_name("away"))])
def test_nothing_is_acknowledged_once_the_folder_is_gone(tmp_path, gone):
    storage = SqliteStorage(tmp_path)
    storage.create("a", CREATED)
    lease = storage.acquire("a", owner())
    storage.append(lease, [reported(1)])
    gone(storage.folder("a"))
    with pytest.raises(StorageError, match=r"study 'a': .*study\.db was moved or deleted while it ran"):
        storage.append(lease, [reported(2)])
    storage.release(lease)
    with pytest.raises(StudyNotFound):
        list(storage.read("a"))


def test_nor_when_another_file_took_its_place(tmp_path):
    storage = SqliteStorage(tmp_path)
    for name in ("a", "b"):
        storage.create(name, CREATED)
    lease = storage.acquire("a", owner())
    (storage.folder("b") / "study.db").rename(storage.folder("a") / "study.db")
    with pytest.raises(StorageError, match="was moved or deleted"):
        storage.append(lease, [reported(1)])
    storage.release(lease)


def test_a_tuned_study_goes_on_after_the_disk_was_full(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import resource, sys, rung\n"
        "limit = int(sys.argv[1]) or resource.RLIM_INFINITY\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))\n"
        "acks = open('acks', 'a', buffering=1)\n"
        "def objective(config, trial):\n"
        "    for epoch in range(1, 4):\n"
        "        trial.report(epoch=epoch, value=config['x'])\n"
        "        print(f'{trial.id}/r{epoch}', file=acks)\n"
        "rung.tune(objective, {'x': rung.Float(0, 1)}, n_trials=60, searcher='random', seed=1, name='s',\n"
        "          storage='studies', progress=False)\n"
    )
    limits = [50_000, 100_000, 0]
    for limit in limits:
        done = subprocess.run(
            [sys.executable, str(script), str(limit)],
            check=False,
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        if limit:
            assert done.returncode == 1
            assert "StorageError: study 's': the log can't be written: " in done.stderr
        else:
            assert done.returncode == 0, done.stderr
    events = list(SqliteStorage(tmp_path / "studies").read("s"))
    logged = {event.id for event in events}
    acknowledged = (tmp_path / "acks").read_text().split()
    assert len(acknowledged) >= 180
    assert logged.issuperset(acknowledged)
