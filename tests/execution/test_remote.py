"""Workers that join by a connection: who is believed, and what a lost one costs."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import pickle
import platform
import random
import select
import shutil
import socket
import ssl
import subprocess
import threading
import time
from contextlib import closing

import pytest
from execution.workers import TOKEN, start_worker

import rung
from rung import __version__
from rung.cli.commands.status import _worker_text
from rung.errors import ArgumentError, WorkerError
from rung.execution.base import AttemptId, End, Job, Log, Report, WorkerUp
from rung.execution.node import frames
from rung.execution.node.frames import Answer, Leaving, Orders, Piece, Ready, Stop, Unfit, Up
from rung.execution.node.line import Line, about, numbered
from rung.execution.node.link import Link
from rung.execution.node.main import Node
from rung.execution.node.roster import workers_of
from rung.execution.work import Work
from rung.execution.worker.leftovers import Identity
from rung.objectives.checkpoints import FolderStore
from rung.objectives.function import Objective
from rung.study.events import Outcome, Verdict

KEY = bytes.fromhex(TOKEN)
JOB = Job(AttemptId(0, 1), {"x": 1.0}, seed=0, max_resource=3, repeat=2)
SPACE = {"x": rung.Float(0, 1)}


def objective(config):
    return config["x"]


@pytest.fixture
def start(tmp_path):
    """Start an executor; `start(lease=...)`."""
    started = []

    def make(lease=30.0, *, pauses=False, address="127.0.0.1:0", **secured):
        backend = rung.Remote(address, token=TOKEN, lease=lease, **secured)
        work = Work(Objective.bind(objective, ("x",), ("y",)), checkpoints=FolderStore(tmp_path / "trials"),
                    logs=tmp_path / "logs", pauses=pauses)  # fmt: skip
        backend.check(work)
        started.append(backend.start(work))
        return started[-1]

    yield make
    for hand in HANDS:  # gone without a word
        if hand.link is not None:
            hand.link.close()
    HANDS.clear()
    for nodes in started:
        nodes.close()


HANDS = []


class Hand:
    """A node whose every word is the test's; `nodes` serves it in the same thread."""

    def __init__(self, nodes, ticket="", received=0, tls=None, **about_it):
        self.nodes, self.line, self.heard, self.about = nodes, Line(), [], []
        sock = socket.create_connection(("127.0.0.1", nodes.port))
        self.link = Link(sock, KEY, serves=False, longest=1 << 24, tls=tls, host="127.0.0.1" if tls else None)
        self.hello = {"python": platform.python_version(), "rung": __version__, "host": "far", "pid": 7, "slots": 1,
                      "ticket": ticket, "received": received, "former": "", **about_it}  # fmt: skip
        HANDS.append(self)
        self.got = self.until(lambda: self.link.established)
        self.link.send(about("hello", **self.hello))
        self.got += self.until(lambda: self.about)
        self.welcome = self.about[0]

    def look(self):
        if self.link is None:
            return
        for frame in self.link.frames():
            number, said = numbered(frame)
            if number:
                self.line.received = number
                self.heard.append(pickle.loads(said))
            else:
                self.about.append(json.loads(said))

    def until(self, holds, seconds=5.0):
        """Let both ends work until something holds; what the coordinator gets is returned."""
        got, deadline = [], time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, (self.heard, self.about)
            got += self.nodes.poll(0.01)
            self.look()
        return got

    def join(self, shares=True):
        self.until(lambda: self.heard)
        self.line.attach(self.link, 0)
        self.say(Up(0, Identity(7, 6, 1.0, "boot")), Ready(shares))
        return self

    def say(self, *said):
        for each in said:
            self.line.send(frames.write(each))

    def again(self):
        """The same node, by another connection."""
        other = Hand(self.nodes, self.welcome["ticket"], self.line.received)
        other.line = self.line
        self.line.attach(other.link, other.welcome["received"])
        self.link.close()
        self.link = None
        return other

    @property
    def is_shut_out(self):
        self.look()
        return self.link.ended


def polled(nodes, kind, seconds=5):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = [message for message in nodes.poll(0.05) if isinstance(message, kind)]
        if found:
            return found
    raise AssertionError(f"no {kind} came")


def test_a_node_runs_what_it_is_given_and_reports_reach_the_coordinator_once(start, tmp_path):
    nodes = start()
    node = Hand(nodes).join()
    (up,) = polled(nodes, WorkerUp)
    assert (up.worker, up.backend, up.identity["host"], nodes.capacity) == (0, "remote", "far", 1)
    assert isinstance(node.heard[0], Orders) and node.heard[0].store.sees(node.heard[0].mark)
    nodes.submit(JOB)
    node.until(lambda: node.heard[-1] == JOB)
    report = Report(JOB.id, 1, 1, {"y": 0.5}, True)
    node.say(report)
    assert polled(nodes, Report) == [report]
    there = node.again()  # before the answer
    assert there.welcome["resumed"] and nodes.poll(0.1) == []
    nodes.answer(report, Verdict.STOP)
    there.until(lambda: Answer(JOB.id, Verdict.STOP) in there.heard)
    there.say(Piece(JOB.id, "output", "ignored", b"hello\n"), Piece(JOB.id, "output", "ignored", b"there\n"))
    there.say(End(JOB.id, Outcome.STOPPED))
    assert [end.blameless for end in polled(nodes, End)] == [False]
    assert (tmp_path / "logs" / "t0-a1.log").read_text() == "hello\nthere\n"


def test_files_of_trial_log_come_before_the_log_does_and_lead_nowhere_else(start, tmp_path):
    nodes = start()
    node = Hand(nodes).join(shares=False)
    nodes.submit(JOB)
    node.until(lambda: JOB in node.heard)
    log = Log(JOB.id, 1, {}, {"image": "1-1-1-image.png"})
    node.say(
        Piece(JOB.id, "note", "1-1-1-image.png", b"\x89PNG"), log, Piece(JOB.id, "note", "../../x", b"?")
    )
    came = polled(nodes, Log | End)
    assert came[0] == log
    assert (tmp_path / "notes" / "0" / "1-1-1-image.png").read_bytes() == b"\x89PNG"
    assert (came[1:] or polled(nodes, End))[0].blameless and not (tmp_path.parent / "x").exists()


def test_a_node_that_says_nothing_is_lost_after_its_lease_and_refused_when_it_wakes(start, caplog):
    nodes = start(lease=0.6)
    node = Hand(nodes).join()
    nodes.submit(JOB)
    node.until(lambda: JOB in node.heard)
    node.line.say("beat", number=1, received=1)
    node.until(lambda: node.about[-1] == {"what": "beat", "number": 1, "received": 2})
    before = time.monotonic()
    (end,) = polled(nodes, End)
    assert time.monotonic() - before > 0.4 and end.outcome == Outcome.INTERRUPTED and end.blameless
    assert "no word from it for 0.6 s" in end.reason and nodes.capacity == 0
    node.say(Report(JOB.id, 1, 1, {"y": 0.5}))
    assert nodes.poll(0.1) == [] and node.is_shut_out
    awake = Hand(nodes, node.welcome["ticket"], 1)
    assert not awake.welcome["resumed"] and awake.welcome["ticket"] != node.welcome["ticket"]
    assert caplog.text.count("comes back after its lease") == 1
    awake.join()
    nodes.submit(JOB)
    awake.until(lambda: JOB in awake.heard)
    early = Hand(nodes, former=awake.welcome["ticket"])  # it gave up before the coordinator did
    assert "has given up" in (early.got or polled(nodes, End))[0].reason


def test_a_node_speaks_for_its_own_attempt_and_in_turn(start):
    nodes = start()
    for said in (
        Report(AttemptId(5, 1), 1, 1, {"y": 0.0}),
        Report(JOB.id, 2, 1, {"y": 0.0}),
        Log(JOB.id, 2, {}, {}),
        End(AttemptId(0, 2), Outcome.COMPLETED),
    ):
        node = Hand(nodes, host=f"of {said}"[:200]).join()
        nodes.submit(JOB)
        node.until(lambda node=node: JOB in node.heard)
        node.say(said)
        (end,) = polled(nodes, End)
        assert (end.id, end.outcome, end.blameless) == (JOB.id, Outcome.INTERRUPTED, True)
        assert node.is_shut_out


def test_no_pickle_and_no_strange_frame_is_taken_from_a_node(start, tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    nodes = start()
    for said in (
        pickle.dumps(Trap()),
        b"{}",
        b'{"what": "report"}',
        b"[" * 100_000,
        b'{"what": ["up"]}',
        b"\xff",
    ):
        node = Hand(nodes)
        node.line.attach(node.link, 0)
        node.line.send(said)
        node.until(lambda node=node: node.is_shut_out)
    assert not (tmp_path / "sprung").exists()


def test_another_python_or_rung_is_refused_and_both_are_named(start, caplog):
    nodes = start()
    node = Hand(nodes, python="2.7.18", rung="9.9")
    assert node.welcome["what"] == "refused"
    for text in (node.welcome["why"], caplog.text):
        assert (
            "Python 2.7.18 and rung 9.9" in text
            and f"{platform.python_version()} and rung {__version__}" in text
        )


def test_a_node_without_the_checkpoints_of_a_scheduler_that_pauses_is_refused(start):
    nodes = start(pauses=True)
    node = Hand(nodes)
    node.until(lambda: node.heard)
    assert node.heard[0].needs_store
    node.line.attach(node.link, 0)
    node.say(Unfit("it does not see the study's checkpoints"))
    with pytest.raises(WorkerError, match=r"far.*does not see the study's checkpoints"):
        polled(nodes, End)


def test_one_unfit_node_beside_another_does_not_stop_the_study(start):
    nodes = start()
    Hand(nodes).join()
    polled(nodes, WorkerUp)
    other = Hand(nodes)
    other.until(lambda: other.heard)
    other.line.attach(other.link, 0)
    other.say(Unfit("no module named torch"))
    other.until(lambda: other.is_shut_out)
    assert nodes.capacity == 1


def test_what_a_node_does_not_share_is_not_a_checkpoint(start):
    nodes = start()
    node = Hand(nodes).join(shares=False)
    nodes.submit(JOB)
    node.until(lambda: JOB in node.heard)
    node.say(Report(JOB.id, 1, 1, {"y": 0.5}, checkpoint=True))
    assert not polled(nodes, Report)[0].checkpoint


def test_a_node_that_leaves_hands_its_trial_on_and_gets_no_more(start):
    nodes = start()
    node = Hand(nodes).join()
    nodes.submit(JOB)
    node.until(lambda: JOB in node.heard)
    report = Report(JOB.id, 1, 1, {"y": 0.5})
    node.say(Leaving(), report)
    polled(nodes, Report)
    nodes.answer(report, Verdict.CONTINUE)
    node.until(lambda: Answer(JOB.id, Verdict.INTERRUPT) in node.heard)
    node.say(End(JOB.id, Outcome.INTERRUPTED))
    assert polled(nodes, End)[0].blameless and nodes.capacity == 0


def test_who_does_not_end_what_it_was_asked_to_is_not_waited_for(start, monkeypatch):
    monkeypatch.setattr("rung.execution.node.nodes.OVERDUE", 0.1)
    nodes = start()
    node = Hand(nodes).join()
    nodes.submit(JOB)
    node.until(lambda: JOB in node.heard)
    nodes.stop(JOB.id, grace=0.2)
    node.until(lambda: Stop(JOB.id, 0.2) in node.heard)
    assert polled(nodes, End)[0].outcome == Outcome.INTERRUPTED
    waiting = Job(AttemptId(1, 1), {"x": 1.0}, seed=0)
    nodes.submit(waiting)
    nodes.stop(waiting.id, grace=5)
    assert nodes.poll(0) == [End(waiting.id, Outcome.INTERRUPTED)]


def test_a_machine_that_loses_one_trial_after_another_gets_no_more(start, caplog):
    nodes = start()
    for _ in range(3):
        node = Hand(nodes).join()
        nodes.submit(JOB)
        node.until(lambda node=node: JOB in node.heard)
        node.line.say("bye")
        assert polled(nodes, End)[0].blameless
    assert "far gets no more trials: 3 losses in a row" in caplog.text
    assert "3 losses in a row on far" in Hand(nodes).welcome["why"]
    assert Hand(nodes, host="near").welcome["what"] == "welcome"


def test_strangers_learn_nothing_and_disturb_nobody(start, caplog, monkeypatch):
    monkeypatch.setattr("rung.execution.node.gate._PATIENCE", 0.3)
    nodes = start()
    node = Hand(nodes).join()
    chance = random.Random(1)
    slow = socket.create_connection(("127.0.0.1", nodes.port))
    slow.sendall(b"GE")
    for _ in range(150):
        with socket.create_connection(("127.0.0.1", nodes.port)) as stranger:
            stranger.sendall(chance.randbytes(chance.randrange(2000)))
            nodes.poll(0)
    nodes.submit(JOB)
    node.until(lambda: JOB in node.heard)
    node.say(Report(JOB.id, 1, 1, {"y": 0.5}))
    assert polled(nodes, Report)
    slow.settimeout(5)
    node.until(lambda: time.monotonic() > 0 and not nodes._gate._strangers)
    assert len(slow.recv(1000)) == 39 and slow.recv(1000) == b""
    assert caplog.text.count("without the token") == 1  # a line in half a minute, however many come
    slow.close()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")
def test_the_whole_way_goes_over_tls_and_those_without_it_are_strangers(start, tmp_path):
    files = {"certificate": str(tmp_path / "cert.pem"), "key": str(tmp_path / "key.pem")}
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=here",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", files["key"], "-out", files["certificate"]],
        check=True, capture_output=True,
    )  # fmt: skip
    nodes = start(**files)
    node = Hand(nodes, tls=ssl.create_default_context(cafile=files["certificate"])).join()
    nodes.submit(JOB)
    node.until(lambda: JOB in node.heard)
    node.say(Report(JOB.id, 1, 1, {"y": 0.5}))
    assert polled(nodes, Report)
    with socket.create_connection(("127.0.0.1", nodes.port)) as plain:
        plain.sendall(b"n" * 64)
        node.until(lambda: not nodes._gate._strangers and select.select([plain], [], [], 0)[0])
        assert b"rung" not in plain.recv(1000)


def test_an_idle_study_says_how_a_worker_joins(start, caplog, monkeypatch):
    monkeypatch.setattr("rung.execution.node.nodes._NOTICE", -1.0)
    nodes = start()
    with caplog.at_level(logging.WARNING):
        nodes._lonely = 0.0
        nodes.poll(0.3)
    assert f"rung worker 127.0.0.1:{nodes.port}" in caplog.text and TOKEN not in caplog.text


def test_the_token_is_checked_and_shown_only_if_it_was_made(monkeypatch, caplog, tmp_path):
    monkeypatch.delenv("RUNG_TOKEN", raising=False)
    with pytest.raises(ArgumentError, match="64 hexadecimal digits"):
        rung.Remote(token="secret")
    remote = rung.Remote("127.0.0.1:0")
    with closing(remote.start(Work(Objective.bind(objective, ("x",), ("y",))))) as nodes:
        made = nodes.how.split("=")[1].split()[0]
        assert len(made) == 64 and made in caplog.text and made not in repr(remote)
    monkeypatch.setenv("RUNG_TOKEN", TOKEN)
    monkeypatch.setenv("RUNG_LISTEN", "127.0.0.1:0")
    with closing(rung.Remote().start(Work(Objective.bind(objective, ("x",), ("y",))))) as nodes:
        assert nodes.how == f"RUNG_TOKEN=... rung worker 127.0.0.1:{nodes.port}"


def test_an_address_in_use_is_named_before_the_study_exists(start, tmp_path):
    taken = f"127.0.0.1:{start().port}"
    with pytest.raises(
        ArgumentError, match=f"address={taken}: .*in use; give a host of this machine and a free port"
    ):
        rung.tune(
            objective,
            SPACE,
            n_trials=1,
            executor=rung.Remote(taken, token=TOKEN),
            storage=str(tmp_path / "s"),
        )
    assert not (tmp_path / "s").exists()
    with pytest.raises(ArgumentError, match="needs both files"):
        rung.Remote(certificate="cert.pem")
    with pytest.raises(ArgumentError, match=r"certificate='no.pem'"):
        rung.Remote("127.0.0.1:0", certificate="no.pem", key="no.pem").check(None)


# ---- with worker processes


def run(node):
    with contextlib.suppress(WorkerError):  # it is unfit, and has said so
        node.run()


class InThreads(rung.Remote):
    """A `Remote` whose nodes are threads of this process, each with a worker process under it."""

    def __init__(self, n=1, **arguments):
        super().__init__("127.0.0.1:0", token=TOKEN, **arguments)
        self.n, self.threads = n, []

    def start(self, work):
        nodes = super().start(work)
        for _ in range(self.n):
            node = Node(("127.0.0.1", nodes.port), KEY)
            self.threads.append(threading.Thread(target=run, args=(node,), daemon=True))
            self.threads[-1].start()
        return nodes


def test_workers_that_join_do_what_rung_relies_on():
    from rung.testing import check_executor

    check_executor(InThreads)


def training(config, trial):
    print("at", config["x"])
    if trial.number == 0 and trial.attempt == 1:
        os.kill(os.getpid(), 9)
    if trial.number == 1:
        time.sleep(60)
    note = trial.checkpoint_dir / "note.txt"
    note.write_text("kept")
    for epoch in trial.epochs():
        trial.log(note=note)
        trial.report(epoch=epoch, y=config["x"] * epoch)


def test_limits_losses_logs_and_files_are_as_with_processes_of_this_machine(tmp_path):
    study = rung.tune(
        training, SPACE, metric="y", n_trials=3, max_resource=2, trial_timeout="2s", executor=InThreads(2), seed=0,
        searcher="random", storage=str(tmp_path), name="s", progress=False,
    )  # fmt: skip
    assert [trial.status for trial in study.trials] == ["completed", "failed", "completed"]
    assert [attempt.outcome for attempt in study.trials[0].attempts] == ["lost", "completed"]
    assert study.trials[1].reason == "it ran longer than the 2 s that trial_timeout left it"
    assert f"at {study.trials[2].config['x']}" in (study.folder / "logs" / "t2-a1.log").read_text()
    assert (study.folder / study.trials[2].notes[0].files["note"]).read_text() == "kept"
    assert {worker.backend for worker in study.state.workers} == {"remote"}


def test_a_worker_process_with_the_wrong_token_or_none_says_so(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    with (tmp_path / "wrong").open("w") as wrong, (tmp_path / "alone").open("w") as alone:
        workers = [
            start_worker(port, token="ab", output=wrong),
            start_worker(port, "--patience", "0.5s", output=alone),
        ]
        assert [worker.wait(60) for worker in workers] == [2, 1]
    assert "64 hexadecimal digits" in (tmp_path / "wrong").read_text()
    assert f"no coordinator at 127.0.0.1:{port} for 0.5 s" in (tmp_path / "alone").read_text()


def test_who_works_for_a_study_stands_in_its_folder_while_it_runs(start, tmp_path, monkeypatch):
    monkeypatch.setattr("rung.execution.node.roster._PAUSE", 0.0)
    nodes = start()
    node = Hand(nodes).join()
    nodes.submit(JOB)
    node.until(lambda: JOB in node.heard)
    node.until(lambda: workers_of(tmp_path) and workers_of(tmp_path)[0]["state"] == "busy")
    (worker,) = workers_of(tmp_path)
    assert (worker["host"], worker["pid"], worker["trials"]) == ("far", 7, [0])
    assert _worker_text(worker).startswith("far (pid 7): busy, trial 0; since 20")
    node.link.close()
    node.link = None
    node.until(lambda: workers_of(tmp_path)[0]["state"] == "out of reach")
    nodes.close()
    assert workers_of(tmp_path) == []
    for strange in (
        "[[]]",
        '[{"since": NaN}]',
        '[{"since": 1e300}]',
        "{}",
        '[{"host": 1}]',
        "[" * 100_000,
        "\x00",
    ):
        (tmp_path / "workers.json").write_text(strange)
        assert workers_of(tmp_path) == []


def noting(config, trial):
    with trial.checkpoint(1) as path:
        (path / "note.txt").write_text("kept")
    trial.log(note=trial.checkpoint_dir / "note.txt")
    trial.report(epoch=1, y=config["x"])


def test_without_a_common_disk_files_come_home_and_checkpoints_do_not_count(tmp_path, monkeypatch):
    monkeypatch.setattr(FolderStore, "sees", lambda self, mark: False)
    study = rung.tune(noting, SPACE, metric="y", n_trials=1, executor=InThreads(), searcher="random", storage=str(tmp_path),
                      name="s", progress=False)  # fmt: skip
    assert (study.folder / study.trials[0].notes[0].files["note"]).read_text() == "kept"
    assert not study.state.checkpoints and not (study.folder / "trials" / "0").exists()
    with pytest.raises(WorkerError, match="does not see the study's checkpoints"):
        rung.tune(noting, SPACE, metric="y", n_trials=1, executor=InThreads(), storage=str(tmp_path), scheduler="asha",
                  max_resource=9, name="t", progress=False)  # fmt: skip
