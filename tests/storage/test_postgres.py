"""Studies in a real PostgreSQL server: what its crashes, cut connections and stopped owners do to them."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
import traceback

import psycopg
import pytest
from benchmarks.storage.postgres_server import ENCODED, PASSWORD
from storage.cutting_proxy import CuttingProxy
from storage.test_storage import CREATED, owner, reported

from rung.errors import (
    ArgumentError,
    LeaseLost,
    StorageError,
    StudyCorrupt,
    StudyError,
    StudyInUse,
    StudyNotFound,
)
from rung.storage import open_storage, postgres
from rung.storage.postgres import PostgresStorage

pytestmark = pytest.mark.slow

OWNER = """
import os, sys, time
from rung.errors import Error
from rung.storage import Owner, open_storage
from rung.study.events import Reported
storage = open_storage(os.environ["RUNG_TEST_URL"])
lease = storage.acquire("a", Owner("here", os.getpid(), time.time()))
print("owner", flush=True)
try:
    for n in range(1, 1_000_000):
        event = Reported(id=f"t0/a1/r{n}", t=n, trial=0, attempt=1, number=n, resource=n, metrics={"y": 0.5})
        storage.append(lease, [event])
        print(event.id, flush=True)
except Error as error:
    print(type(error).__name__, flush=True)
"""


@contextlib.contextmanager
def appending(server):
    """A process that owns study "a" and prints each event that is acknowledged."""
    environment = {**os.environ, "RUNG_TEST_URL": server.url}
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert process.stdout.readline() == "owner\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def ids(storage):
    return [event.id for event in storage.read("a")][1:]


def end_sessions(server) -> None:
    """As if the server had lost sight of its clients."""
    with psycopg.connect(server.url, autocommit=True) as db:
        db.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'rung %'"
        )


def test_a_dead_owner_is_followed_at_once(empty_server, postgres):
    postgres.create("a", CREATED)
    with appending(empty_server) as process:
        with pytest.raises(StudyInUse, match=f"process {process.pid} on here, since 20"):
            postgres.acquire("a", owner())
        process.kill()
        said = process.communicate()[0].split()
    lease = postgres.acquire("a", owner())
    assert lease.epoch == 2
    assert ids(postgres)[: len(said)] == said
    postgres.release(lease)


def test_a_stopped_owner_that_was_followed_writes_nothing(empty_server, postgres):
    postgres.create("a", CREATED)
    with appending(empty_server) as process:
        acknowledged = [process.stdout.readline().strip() for _ in range(20)]
        process.send_signal(signal.SIGSTOP)
        with pytest.raises(StudyInUse, match=f"process {process.pid} on here"):
            postgres.acquire("a", owner())
        end_sessions(empty_server)
        lease = acquired(postgres)
        before = len(ids(postgres))
        process.send_signal(signal.SIGCONT)
        *more, last = process.communicate()[0].split()
    assert last == "LeaseLost"
    assert ids(postgres) == (acknowledged + more)[:before] == ids(postgres)[:before]
    postgres.append(lease, [reported(before + 1)])
    postgres.release(lease)


def acquired(storage):
    """The lease of study "a", once the session of its owner has ended."""
    while True:
        with contextlib.suppress(StudyInUse):
            return storage.acquire("a", owner())
        time.sleep(0.05)


def test_a_stale_lease_writes_nothing(empty_server, postgres):
    postgres.create("a", CREATED)
    stale = postgres.acquire("a", owner())
    end_sessions(empty_server)
    fresh = acquired(postgres)
    postgres.append(fresh, [reported(1)])
    with pytest.raises(LeaseLost, match="'a' was taken over"):
        postgres.append(stale, [reported(2)])
    assert ids(postgres) == ["t0/a1/r1"]
    postgres.release(stale)
    postgres.append(fresh, [reported(2)])
    postgres.release(fresh)


def test_safety_does_not_rest_on_the_lock(empty_server, postgres):
    """As behind a pool of connections, where a lock may belong to nobody."""
    postgres.create("a", CREATED)
    stale = postgres.acquire("a", owner())
    stale.writer.db.execute("SELECT pg_advisory_unlock_all()")
    fresh = postgres.acquire("a", owner())
    with pytest.raises(LeaseLost):
        postgres.append(stale, [reported(1)])
    postgres.release(stale)
    assert postgres.studies()[0].owner is not None  # of the one who took over
    postgres.append(fresh, [reported(1)])
    postgres.release(fresh)


def test_the_connection_is_cut_in_a_commit(empty_server, postgres):
    """Nobody can tell whether it was stored; each event is there once all the same."""
    postgres.create("a", CREATED)
    proxy, rng = CuttingProxy(empty_server.port), random.Random(1)
    storage = PostgresStorage(empty_server.url_by(proxy.port))
    lease = storage.acquire("a", owner())
    for n in range(1, 31):
        proxy.cut = rng.choice(["", "before", "after"])
        assert storage.append(lease, [reported(2 * n - 1), reported(2 * n)]) == 2 * n + 1
    storage.release(lease)
    assert proxy.cuts > 10
    assert ids(postgres) == [f"t0/a1/r{n}" for n in range(1, 61)]
    postgres.release(postgres.acquire("a", owner()))
    proxy.close()


def test_one_whose_connection_is_cut_is_not_followed_meanwhile(empty_server, postgres):
    postgres.create("a", CREATED)
    proxy = CuttingProxy(empty_server.port)
    storage = PostgresStorage(empty_server.url_by(proxy.port))
    lease = storage.acquire("a", owner())
    proxy.cut = "after"
    storage.append(lease, [reported(1)])
    with pytest.raises(StudyInUse):
        postgres.acquire("a", owner())
    storage.append(lease, [reported(2)])
    storage.release(lease)
    proxy.close()


def test_the_server_crashes_and_the_owner_goes_on(empty_server, postgres):
    postgres.create("a", CREATED)
    with appending(empty_server) as process:
        acknowledged = [process.stdout.readline().strip() for _ in range(20)]
        for _ in range(2):
            empty_server.stop("immediate")
            empty_server.start()
            acknowledged += [process.stdout.readline().strip() for _ in range(200)]
        process.kill()
        acknowledged += process.communicate()[0].split()
    logged = ids(postgres)
    assert logged[: len(acknowledged)] == acknowledged
    assert len(logged) <= len(acknowledged) + 1
    postgres.release(postgres.acquire("a", owner()))


def test_a_server_that_stays_away(empty_server, monkeypatch):
    monkeypatch.setattr(postgres, "_PATIENCE", 0.5)
    storage = PostgresStorage(empty_server.url)
    storage.create("a", CREATED)
    lease = storage.acquire("a", owner())
    empty_server.stop("immediate")
    try:
        with pytest.raises(StorageError, match=r"'a': no connection to postgresql://tuner@.* for 0.5 s"):
            storage.append(lease, [reported(1)])
        storage.release(lease)
        with pytest.raises(StorageError, match=r"postgresql://tuner@127.0.0.1:\d+/postgres can't be reached"):
            storage.acquire("a", owner())
    finally:
        empty_server.start()
    assert ids(storage) == []


def test_of_many_that_begin_at_once_one_wins(empty_server, postgres):
    """In a database that has no tables yet."""
    said, leases = [], []

    def begin():
        storage = PostgresStorage(empty_server.url)
        with contextlib.suppress(StudyError):
            storage.create("a", CREATED)
            said.append("made")
        with contextlib.suppress(StudyInUse):
            leases.append(storage.acquire("a", owner()))

    many = [threading.Thread(target=begin) for _ in range(8)]
    for thread in many:
        thread.start()
    for thread in many:
        thread.join()
    assert said == ["made"]
    assert len(leases) == 1
    postgres.release(*leases)
    assert list(postgres.read("a")) == [CREATED]


def test_an_append_is_all_or_nothing(postgres):
    postgres.create("a", CREATED)
    lease = postgres.acquire("a", owner())
    with pytest.raises(StorageError, match="'a': the log can't be written"):
        postgres.append(lease, [reported(1), reported(1)])
    assert ids(postgres) == []
    assert postgres.append(lease, [reported(1)]) == 2
    postgres.release(lease)


def test_the_log_can_only_grow(empty_server, postgres):
    postgres.create("a", CREATED)
    with psycopg.connect(empty_server.url, autocommit=True) as db:
        for statement in ("UPDATE rung.event SET t = 1", "DELETE FROM rung.event"):
            with pytest.raises(psycopg.errors.RaiseException, match="append only"):
                db.execute(statement)


def test_damage_is_named_with_the_last_good_event(empty_server, postgres):
    postgres.create("a", CREATED)
    lease = postgres.acquire("a", owner())
    postgres.append(lease, [reported(n) for n in range(1, 6)])
    postgres.release(lease)
    with psycopg.connect(empty_server.url, autocommit=True) as db:
        db.execute("ALTER TABLE rung.event DISABLE TRIGGER append_only")
        db.execute("DELETE FROM rung.event WHERE seq = 6")
        with pytest.raises(StudyCorrupt, match="event 6 is missing, of 6"):
            ids(postgres)
        db.execute("UPDATE rung.event SET body = replace(body, '0.3', '0.4') WHERE seq = 4")
    with pytest.raises(StudyCorrupt, match="event 4 is damaged; the last good one is event 3"):
        ids(postgres)


def test_tables_of_a_newer_rung_are_left_alone(empty_server, postgres):
    postgres.create("a", CREATED)
    with psycopg.connect(empty_server.url, autocommit=True) as db:
        db.execute("UPDATE rung.layout SET version = 7")
    for use in (lambda: ids(postgres), lambda: postgres.acquire("a", owner()), postgres.studies,
                lambda: postgres.create("b", CREATED)):  # fmt: skip
        with pytest.raises(StorageError, match="in layout 7; this rung knows 1: upgrade rung"):
            use()


def test_several_pages_of_events_are_read_in_order(postgres):
    """A page has 5,000."""
    postgres.create("a", CREATED)
    lease = postgres.acquire("a", owner())
    for start in (1, 6_001):
        postgres.append(lease, [reported(n) for n in range(start, start + 6_000)])
    postgres.release(lease)
    numbers = [event.number for event in postgres.read("a", after=1)]
    assert numbers == list(range(1, 12_001))
    assert [event.number for event in postgres.read("a", after=11_999)] == [11_999, 12_000]


def test_commits_are_synced_even_where_the_server_does_not_ask_for_it(empty_server):
    url = f"{empty_server.url}?options=-c%20synchronous_commit%3Doff"
    for durability in ("machine", "process"):
        storage = PostgresStorage(url, durability)
        with contextlib.suppress(StudyError):
            storage.create("a", CREATED)
        lease = storage.acquire("a", owner())
        assert lease.writer.db.execute("SHOW synchronous_commit").fetchone() == ("on",)
        storage.release(lease)


def test_a_server_without_fsync_is_told_of(empty_server, postgres, caplog):
    postgres.create("a", CREATED)
    with psycopg.connect(empty_server.url, autocommit=True) as db:
        try:
            db.execute("ALTER SYSTEM SET fsync = off")
            db.execute("SELECT pg_reload_conf()")
            while "fsync=off" not in caplog.text:
                postgres.release(postgres.acquire("a", owner()))
        finally:
            db.execute("ALTER SYSTEM RESET fsync")
            db.execute("SELECT pg_reload_conf()")


def test_a_child_that_lives_on_holds_no_lock(postgres):
    postgres.create("a", CREATED)
    lease = postgres.acquire("a", owner())
    if not (child := os.fork()):
        signal.pause()
        os._exit(0)
    lease.writer.db.close()  # as the death of this process would do
    postgres.release(acquired(postgres))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def test_files_lie_on_this_machine_and_go_with_the_study(postgres, tmp_path):
    postgres.create("../My study", CREATED)
    folder = postgres.folder("../My study")
    assert folder.parent == tmp_path / "home"
    assert folder.name.startswith("my-study-")
    assert PostgresStorage(f"postgresql://tuner:{ENCODED}@localhost:{port_of(postgres)}/postgres").folder(
        "../My study") == folder  # fmt: skip
    (folder / "trials").mkdir(parents=True)
    postgres.delete("../My study", owner())
    assert not folder.exists()
    postgres.create("../My study", CREATED)
    assert postgres.folder("../My study") != folder  # a new study finds no old checkpoints


def port_of(storage):
    return str(storage).split(":")[-1].split("/")[0]


def test_without_a_home_files_lie_under_the_current_folder(empty_server, tmp_path, monkeypatch):
    monkeypatch.delenv("RUNG_HOME")
    monkeypatch.chdir(tmp_path)
    storage = PostgresStorage(empty_server.url)
    storage.create("a", CREATED)
    assert storage.folder("a").parent == tmp_path / "rung_studies"


def test_passwords_are_never_shown(empty_server, postgres, caplog):
    caplog.set_level(logging.DEBUG)
    assert str(postgres) == f"postgresql://tuner@127.0.0.1:{empty_server.port}/postgres"
    wrong = empty_server.url.replace(ENCODED, "wr0ng")
    shown = [str(postgres), repr(postgres)]
    for url in (wrong, f"{wrong}?sslmode=maybe", wrong.replace("@", "%zz@"), wrong + "?unknown=1",
                empty_server.url_by(1), f"postgresql://127.0.0.1:{empty_server.port}/x?password=wr0ng"):  # fmt: skip
        with pytest.raises((StorageError, ArgumentError)) as failed:
            open_storage(url).studies()
        shown += traceback.format_exception(failed.value)
    with pytest.raises(StudyNotFound) as missing:
        postgres.acquire("nope", owner())
    postgres.create("a", CREATED)
    lease = postgres.acquire("a", owner())
    end_sessions(empty_server)
    postgres.append(lease, [reported(1)])
    postgres.release(lease)
    text = "".join([*shown, str(missing.value), repr(lease), caplog.text])
    assert "was lost" in text
    for secret in ("wr0ng", PASSWORD, ENCODED):
        assert secret not in text


def test_a_server_that_does_not_answer_is_told_and_waited_for(postgres, empty_server, monkeypatch, caplog):
    """Its process for our session is stopped, as a machine that swaps stops it."""
    monkeypatch.setattr("rung.storage._stall.PATIENCE", 0.5)
    postgres.create("a", CREATED)
    threads = set(threading.enumerate())
    lease = postgres.acquire("a", owner())
    postgres.append(lease, [reported(1)])
    with psycopg.connect(empty_server.url, autocommit=True) as db:
        (backend,) = db.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'rung %'"
        ).fetchone()
    os.kill(backend, signal.SIGSTOP)
    threading.Timer(2.0, os.kill, (backend, signal.SIGCONT)).start()
    began = time.monotonic()
    assert postgres.append(lease, [reported(2)]) == 3
    assert time.monotonic() - began > 1.5
    said = [record.message for record in caplog.records if "has not answered for 0.5 s" in record.message]
    assert len(said) == 1
    assert PASSWORD not in said[0]
    postgres.release(lease)
    assert list(postgres.read("a")) == [CREATED, reported(1), reported(2)]
    time.sleep(0.2)
    assert set(threading.enumerate()) <= threads


def test_a_cut_line_is_noticed_by_the_system(postgres, empty_server):
    """What was sent and is not acknowledged by the other machine for half a minute ends the connection."""
    assert "tcp_user_timeout=30000" in postgres._conninfo
    assert "tcp_user_timeout=5000" in PostgresStorage(f"{empty_server.url}?tcp_user_timeout=5000")._conninfo
