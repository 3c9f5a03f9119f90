"""Objectives that find their worker's line to the coordinator, and speak in its stead; importable by workers."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import time

from rung.objectives.ended import TrialEnded


def said(**body):
    return json.dumps(body).encode()


def report(trial, **changes):
    body = {"what": "report", "id": [trial.number, trial.attempt], "number": 1, "resource": 1, "metrics": {"value": 1.0},
            "checkpoint": False}  # fmt: skip
    return said(**(body | changes))


def end(trial, **changes):
    body = {"what": "end", "id": [trial.number, trial.attempt], "outcome": "completed", "metrics": {"value": 1.0},
            "reason": "", "traceback": "", "broken": ""}  # fmt: skip
    return said(**(body | changes))


FORGED = {
    "an unknown key": lambda t: report(t, loss=1.0),
    "a key too few": lambda t: said(what="report", id=[t.number, t.attempt]),
    "a report of nobody": lambda t: report(t, id=None),
    "a report of another attempt": lambda t: report(t, id=[t.number, t.attempt + 1]),
    "a report of another trial": lambda t: report(t, id=[0, 1]),
    "a report that is not the next": lambda t: report(t, number=2),
    "a report again": lambda t: report(t, number=0),
    "a number of text": lambda t: report(t, number="1"),
    "a number of a bool": lambda t: report(t, number=True),
    "a resource below 1": lambda t: report(t, resource=-5),
    "a resource of a float": lambda t: report(t, resource=1.5),
    "a resource beyond 64 bits": lambda t: report(t, resource=10**400),
    "metrics in a list": lambda t: report(t, metrics=[1.0]),
    "metrics of text": lambda t: report(t, metrics={"value": "1"}),
    "metrics in metrics": lambda t: report(t, metrics={"value": {"value": 1.0}}),
    "a metric without a name": lambda t: report(t, metrics={"": 1.0}),
    "a metric too large for a float": lambda t: report(t, metrics={"value": 10**400}),
    "a checkpoint of text": lambda t: report(t, checkpoint="yes"),
    "an outcome that is none": lambda t: end(t, outcome="zzz"),
    "a loss": lambda t: end(t, outcome="lost"),
    "an end of another trial": lambda t: end(t, id=[0, 1]),
    "a reason in a list": lambda t: end(t, outcome="failed", metrics={}, reason=[1]),
    "a traceback of a number": lambda t: end(t, traceback=1),
    "something broken": lambda t: end(t, broken="everything"),
    "hello again": lambda t: said(what="hello", pid=1),
    "hello of no process": lambda t: said(what="hello"),
    "hello of a huge process": lambda t: said(what="hello", pid=10**30),
    "ready again": lambda t: said(what="ready"),
    "broken after all": lambda t: said(what="broken", traceback="forged"),
    "a word that nobody knows": lambda t: said(what="exec", code="1"),
    "a word that is a list": lambda t: said(what=["report"]),
    "no word": lambda t: said(value=1.0),
    "no object": lambda t: b"5",
    "no JSON": lambda t: b"cos\nsystem\n",
    "no text": lambda t: b"\xff\xfe",
    "nothing": lambda t: b"",
    "200,000 brackets": lambda t: b"[" * 200_000,
    "many digits": lambda t: b"1" * 100_000,
    "a length without end": lambda t: None,
    "a flood": lambda t: ...,
}  # fmt: skip


WRONG = {
    "null": None,
    "a list": [],
    "an object": {},
    "a text": "x",
    "-1": -1,
    "0.5": 0.5,
    "2**70": 2**70,
    "true": True,
}
KEYS = {
    "report": ("id", "number", "resource", "metrics", "checkpoint"),
    "log": ("id", "number", "values", "files"),
    "end": ("id", "outcome", "metrics", "reason", "traceback", "broken"),
}
LEGAL = {
    "report.metrics of an object", "report.checkpoint of true", "log.values of an object", "log.files of an object",
    "end.metrics of an object", "end.reason of a text", "end.traceback of a text",
}  # fmt: skip


def log(trial, **changes):
    return said(
        **(
            {"what": "log", "id": [trial.number, trial.attempt], "number": 1, "values": {}, "files": {}}
            | changes
        )
    )


def wrong(what, key, value):
    return lambda trial: {"report": report, "log": log, "end": end}[what](trial, **{key: value})


MALFORMED = {
    f"{what}.{key} of {name}": wrong(what, key, value)
    for what, keys in KEYS.items()
    for key in keys
    for name, value in WRONG.items()
    if f"{what}.{key} of {name}" not in LEGAL
}
"""Each key of each frame with a value of each other type."""


def line_to_the_coordinator():
    """The worker's only socket, found among its descriptors."""
    for descriptor in range(3, 256):
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                return socket.socket(fileno=os.dup(descriptor))
    raise AssertionError("no socket")


def forge(config, trial):
    """Speak, and then hang: whoever is not ended for it would run into the time limit of the trial."""
    forged = FORGED.get(config["what"], MALFORMED.get(config["what"]))
    if forged is None:
        return config["x"]
    frame, line = forged(trial), line_to_the_coordinator()
    if frame is None:
        line.sendall(b"\xff\xff\xff\xff" + b"x" * 100_000)
    while frame is ...:
        line.sendall(b"\0\0\0\0" * 10_000)
    if frame is not None:
        line.sendall(len(frame).to_bytes(4, "big") + frame)
    return time.sleep(600)


def forge_an_end_and_go_on(config, trial):
    """Its own end, of a good value; then it returns, as if it were the next trial, whose end it would be."""
    if trial.number == 1:
        line, frame = line_to_the_coordinator(), end(trial, metrics={"value": 0.25})
        line.sendall(len(frame).to_bytes(4, "big") + frame)
        time.sleep(0.5)
        return 99.0
    return config["x"]


def forge_many_reports(config, trial):
    """Whole reports, faster than they are answered."""
    if trial.number == 1:
        line, frames = (
            line_to_the_coordinator(),
            [report(trial, number=n, resource=n) for n in range(1, 2000)],
        )
        line.sendall(b"".join(len(frame).to_bytes(4, "big") + frame for frame in frames))
        time.sleep(600)
    return config["x"]


def patch_os(config, trial):
    """The next attempt's name is written by the worker, which waits for an answer."""
    os.write = lambda descriptor, data: len(data)
    return config["x"]


class EndedItsOwnWay(TrialEnded):
    outcome = "zzz"
    traceback = b"bytes"

    def __str__(self):
        return "x" * 10**8


def ends_its_own_way(config, trial):
    if trial.number == 1:
        raise EndedItsOwnWay
    return config["x"]
