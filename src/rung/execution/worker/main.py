"""Inside a worker process: receive the objective once, then run one attempt after another.

What the coordinator sends is pickled by it, the worker's own parent; what a worker says is JSON, so that
nothing an objective does can make the coordinator run code.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import socket
import sys
import traceback
from json import dumps  # bound now, as what is of os: an objective may patch the modules
from os import read, write
from typing import Any

from rung.execution.base import Job, Log, Report
from rung.execution.worker.channel import Channel
from rung.execution.worker.pickling import loads
from rung.objectives.attempt import run_attempt
from rung.objectives.checkpoints import CheckpointStore
from rung.objectives.function import Objective
from rung.study.events import Verdict

_LONGEST_TRACEBACK = 20_000
"""Characters of what is said when an objective can't be loaded."""


def main(fd: int, *log: int) -> None:
    """Serve the coordinator at the other end of `fd` until it closes.

    `log` are the pipes by which the guard gets the name of an attempt, and answers.
    """
    for line in (fd, *log):
        os.set_inheritable(line, False)  # processes that the objective starts must not hold our lines
    if log:  # a line is there when it is printed, and not lost when this process is killed
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    channel = Channel(socket.socket(fileno=fd))
    _say(channel, "hello", pid=os.getpid())
    loaded = _load(channel)
    if loaded is None:
        return
    _say(channel, "ready")
    while (frame := channel.receive()) is not None:
        job = pickle.loads(frame)
        if log:
            _name_log(log[0], log[1], f"t{job.id.trial}-a{job.id.attempt}")
        _run(channel, *loaded, job)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # closed or replaced by the objective, or a full disk
                stream.flush()


def _name_log(names: int, answers: int, name: str) -> None:
    with contextlib.suppress(OSError):  # an objective closed them: its output goes on where it went
        write(names, name.encode())
        read(answers, 1)


def _load(channel: Channel) -> tuple[Objective, CheckpointStore | None] | None:
    frame = channel.receive()
    if frame is None:
        return None
    try:
        pickled, store = pickle.loads(frame)
        objective = loads(pickled)
    except BaseException:  # noqa: BLE001 -- importing user code may raise anything
        _say(channel, "broken", traceback=traceback.format_exc()[-_LONGEST_TRACEBACK:])
        return None
    return objective, store


def _run(channel: Channel, objective: Objective, store: CheckpointStore | None, job: Job) -> None:
    def send(said: Report | Log) -> Verdict:
        match said:
            case Report(attempt, number, resource, metrics, checkpoint):
                _say(channel, "report", id=attempt, number=number, resource=resource, metrics=dict(metrics),
                     checkpoint=checkpoint)  # fmt: skip
            case Log(attempt, number, values, files):
                _say(channel, "log", id=attempt, number=number, values=values, files=files)
        answer = channel.receive()
        if answer is None:  # the coordinator is gone: nobody is left to report to
            os._exit(1)
        return Verdict(answer.decode())

    end = run_attempt(objective, job, send, store)
    _say(channel, "end", id=end.id, outcome=end.outcome, metrics=dict(end.metrics), reason=end.reason,
         traceback=end.traceback, broken=end.broken)  # fmt: skip


def _say(channel: Channel, what: str, **body: Any) -> None:
    try:
        channel.send(dumps({"what": what, **body}).encode())
    except OSError:
        os._exit(1)
