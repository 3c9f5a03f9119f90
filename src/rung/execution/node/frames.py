"""What a node and its coordinator say to each other.

Upwards goes JSON, read into its types here: nothing that comes in is unpickled by the coordinator. Downwards
goes pickle, once the coordinator has proved that it has the token.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from rung.execution.base import AttemptId, End, Job, Log, Report
from rung.execution.worker import frames
from rung.execution.worker.frames import Kinds, boolean, one_of, read_as, text, whole
from rung.execution.worker.leftovers import Identity
from rung.objectives.checkpoints import CheckpointStore
from rung.study.events import Outcome, Verdict

LONGEST_UP = frames.LONGEST + (1 << 16)
"""Bytes of a frame of a node."""
LONGEST_DOWN = (1 << 26) + (1 << 16)
"""Bytes of a frame of the coordinator, such as an objective."""
PIECE = 1 << 20
"""Bytes of a file that go in one frame."""
_MOST_SLOTS = 1024


@dataclass(frozen=True, slots=True)
class Hello:
    """Who connects; `ticket` and `received` are of an earlier connection, "" and 0 of the first.

    `former` is a ticket with which it has given its trials up.
    """

    python: str
    rung: str
    host: str
    pid: int
    slots: int
    """How many trials it runs at once."""
    ticket: str
    received: int
    former: str


@dataclass(frozen=True, slots=True)
class Beat:
    """It lives. The answer has the same number, and says how long the node may go on by itself."""

    number: int
    received: int


@dataclass(frozen=True, slots=True)
class Bye:
    """It ends, and its trials have ended."""


@dataclass(frozen=True, slots=True)
class Ready:
    """It takes jobs; `shares` says whether it sees the study's checkpoints."""

    shares: bool


@dataclass(frozen=True, slots=True)
class Unfit:
    """It can't run this study."""

    reason: str


@dataclass(frozen=True, slots=True)
class Leaving:
    """It takes no more jobs, and its trials are to end at their next report, to go on elsewhere."""


@dataclass(frozen=True, slots=True)
class Up:
    """A worker process has started."""

    worker: int
    identity: Identity


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a file of an attempt: of what it printed, or of what it gave to `trial.log`."""

    id: AttemptId
    kind: Literal["output", "note"]
    name: str
    data: bytes


Said = Ready | Unfit | Leaving | Up | Piece | Report | Log | End
About = Hello | Beat | Bye


@dataclass(frozen=True, slots=True)
class Orders:
    """What a node is to run: the first message of the coordinator."""

    objective: bytes
    store: CheckpointStore | None
    mark: str
    """What a node sees that shares the store."""
    needs_store: bool
    keeps_files: bool
    """Whether the coordinator keeps what is printed and logged."""
    gpus_per_trial: float | None


@dataclass(frozen=True, slots=True)
class Answer:
    """The verdict on what an attempt said last."""

    id: AttemptId
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Stop:
    """End an attempt: at its next report, or by force after `grace` seconds."""

    id: AttemptId
    grace: float


Command = Orders | Job | Answer | Stop


def write(said: Said) -> bytes:
    """The frame of a message of a node."""
    return json.dumps({"what": _NAMES[type(said)], **{name: _plain(getattr(said, name)) for name in
                       _KINDS[_NAMES[type(said)]][1]}}).encode()  # fmt: skip


def read(frame: bytes) -> Said:
    """The message of a frame; raises ValueError unless a node's own code may have said it."""
    return read_as(_KINDS, frame)


def read_about(frame: bytes) -> About:
    """The same for what is said of the connection."""
    return read_as(_ABOUT, frame)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Identity):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return dict(value) if isinstance(value, Mapping) else value


def _data(value: Any) -> bytes:
    return base64.b64decode(text(value), validate=True)


def _identity(value: Any) -> Identity:
    found = Identity.read(value) if isinstance(value, dict) else None
    if found is None:
        raise ValueError("no identity of a worker")
    return found


def _name(value: Any) -> str:
    if not 0 < len(text(value)) <= 300:
        raise ValueError("a name that is too long, or empty")
    return str(value)


_KINDS: Kinds[Said] = {
    "ready": (Ready, {"shares": boolean}),
    "unfit": (Unfit, {"reason": text}),
    "leaving": (Leaving, {}),
    "up": (Up, {"worker": frames.number, "identity": _identity}),
    "piece": (
        Piece,
        {"id": frames.attempt, "kind": one_of({"output", "note"}), "name": _name, "data": _data},
    ),
    "report": (Report, frames.KINDS["report"][1]),
    "log": (Log, frames.KINDS["log"][1]),
    "end": (End, {**frames.KINDS["end"][1], "outcome": one_of({*Outcome})}),
}  # fmt: skip
_ABOUT: Kinds[About] = {
    "hello": (
        Hello,
        {"python": _name, "rung": _name, "host": _name, "pid": whole(1, 2**31),
         "slots": whole(1, _MOST_SLOTS + 1), "ticket": text, "received": frames.number, "former": text},
    ),
    "beat": (Beat, {"number": frames.number, "received": frames.number}),
    "bye": (Bye, {}),
}  # fmt: skip
_NAMES = {make: name for name, (make, _) in _KINDS.items()}
