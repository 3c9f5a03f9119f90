"""A state in pieces of bytes, so that a long log need not be folded from its beginning.

A piece holds what has come to a state since the piece before it: new rows of its columns as they lie in
memory, and each trial that changed, as a line of JSON. It is written and read by the same version of rung on
the same machine, with a checksum around it (storage/snapshots.py), so what it says is believed.

    <head: a line of JSON> <columns, as long as the head says> <trials, a line each>
"""

from __future__ import annotations

import json
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import blake2b
from itertools import chain
from sys import intern
from typing import Any

from rung import __version__
from rung.study.confirmations import Confirmation
from rung.study.decoding import decode
from rung.study.events import Event, Outcome, StudyCreated, Verdict
from rung.study.notes import Note
from rung.study.reports import ROW, Reports
from rung.study.state import StudyState
from rung.study.trial import Attempt, Trial

FORMAT = 6
"""To be raised whenever the fold of a log, or what a piece holds, changes."""
BY = f"{FORMAT}, rung {__version__}, {sys.byteorder}"
"""The writer of a piece, and its only reader: a version of rung on a kind of machine."""

_PLAIN = (
    "t", "ended", "looks", "counts", "n_imported", "sources", "failed_in_a_row", "checkpoints", "last_failed",
)  # fmt: skip
"""Attributes of a state that are written as they are, whole each time."""
_STATUSES = {"created": "created", "running": "running", **{outcome.value: outcome for outcome in Outcome}}
_json = json.JSONEncoder(separators=(",", ":")).encode


def fingerprint(event: Event) -> str:
    """Return a short text that identifies an event."""
    facts = _json([event.kind, event.id, float(event.t), event.body()])
    return blake2b(facts.encode(), digest_size=12).hexdigest()


@dataclass(frozen=True, slots=True)
class Mark:
    """How much of a state a snapshot holds: how long everything was that only grows."""

    events: int = 0
    sessions: int = 0
    workers: int = 0
    trials: int = 0
    ends: int = 0
    reports: int = 0
    values: int = 0
    shapes: int = 0
    earlier: int = 0
    size: int = 0
    """Bytes of the snapshot."""


# ---- writing


def piece(state: StudyState, kept: Mark, changed: Iterable[int], last: Event, rows: str) -> bytes:
    """Return what has come to a state since `kept`: `changed` trials among it; `last` is the newest event.

    `rows` is the storage's checksum of the events that the piece holds.
    """
    curve = state.curve
    workers = kept.workers if kept.sessions == len(state.sessions) else 0
    changed = sorted(changed)
    head = {
        "by": BY,
        "after": kept.events,
        "events": state.events,
        "first": fingerprint(state.created),
        "last": fingerprint(last),
        "rows": rows,
        **{name: getattr(state, name) for name in _PLAIN},
        "best": None if state.incumbent is None else state.incumbent.number,
        "confirmations": [asdict(confirmation) for confirmation in state.confirmations],
        "waiting": sorted(state.waiting),
        "open": list(state.open),
        "sessions": _stored(state.sessions[kept.sessions :]),
        "earlier": _stored(state.earlier[kept.earlier :]),
        "workers": [workers, _stored(state.workers[workers:])],
        "shapes": curve.shapes[kept.shapes :],
        "lengths": [
            len(state.trials) - kept.trials,
            len(state.ends) - kept.ends,
            len(curve) - kept.reports,
            len(curve.values) - kept.values,
        ],
        "changed": changed,
    }
    lines = (_line(state, state.trials[number]) for number in changed)
    known, ends = _flat(state.known[kept.trials :]), _flat(state.ends[kept.ends :])
    columns = [getattr(curve, name)[kept.reports :] for name in ROW]
    parts = [known, ends, *columns, curve.values[kept.values :]]
    return b"".join([_json(head).encode(), b"\n", *(part.tobytes() for part in parts), b"\n".join(lines)])


def mark(state: StudyState, size: int) -> Mark:
    """How much a snapshot of `size` bytes holds that has all of a state."""
    curve = state.curve
    return Mark(
        state.events, len(state.sessions), len(state.workers), len(state.trials), len(state.ends),
        len(curve), len(curve.values), len(curve.shapes), len(state.earlier), size,
    )  # fmt: skip


def _stored(events: Iterable[Event]) -> list[Any]:
    return [[event.id, event.t, event.kind, event.body()] for event in events]


def _flat(pairs: Iterable[tuple[int, int]]) -> array[int]:
    return array("Q", chain.from_iterable(pairs))


def _line(state: StudyState, trial: Trial) -> bytes:
    attempts = [[a.started, a.target, a.ended, a.outcome, a.verdict, a.reason, a.traceback]
                for a in trial.attempts]  # fmt: skip
    facts = [
        state.space.config_to_json(trial.config), trial.origin, trial.created, trial.reports.last,
        trial.parent, trial.status, trial.value, trial.metrics, trial.feasible, attempts, trial.held_back,
        [[note.attempt, note.t, note.values, note.files] for note in trial.notes],
        trial.repeats, trial.repeat,
    ]  # fmt: skip
    return _json(facts).encode()


# ---- reading


@dataclass(frozen=True, slots=True)
class Restored:
    """A state as a snapshot holds it."""

    state: StudyState
    mark: Mark
    last: str
    """The fingerprint of the last event in it."""
    rows: Sequence[tuple[int, int, str]]
    """For each piece, beyond how many events it begins, where it ends, and the checksum of these."""


def restore(created: StudyCreated, pieces: Iterable[tuple[bytes, int]]) -> Restored | None:
    """Return the state that pieces hold, each with the place where it ends, of the study `created` begins.

    None if they hold nothing of it. A piece that does not go on where those before it end is left out.
    """
    state, lines, rows = StudyState(created), dict[int, bytes](), list[tuple[int, int, str]]()
    whose, head, size = (BY, fingerprint(created)), dict[str, Any](), 0
    for text, end in pieces:
        new, view = _head(text)
        if (new["by"], new["first"]) != whose:
            return None
        if new["after"] == (state.events if rows else 0):
            head, size = new, end
            _take(state, head, view, lines)
            rows.append((head["after"], head["events"], head["rows"]))
    if not rows:
        return None
    _finish(state, head, lines)
    return Restored(state, mark(state, size), head["last"], rows)


def _head(text: bytes) -> tuple[dict[str, Any], memoryview]:
    end = text.index(b"\n")
    return json.loads(text[:end]), memoryview(text)[end + 1 :]


def _take(state: StudyState, head: dict[str, Any], view: memoryview, lines: dict[int, bytes]) -> None:
    for name in _PLAIN:
        setattr(state, name, head[name])
    state.events = head["events"]
    state.sessions += _events(head["sessions"])
    state.earlier += _events(head["earlier"])
    kept, workers = head["workers"]
    state.workers[kept:] = _events(workers)
    state.curve.know([tuple(names) for names in head["shapes"]])
    trials, ends, reports, values = head["lengths"]
    known, ended = array("Q"), array("Q")
    view = _read(known, view, 2 * trials)
    state.known += zip(known[::2], known[1::2], strict=True)
    view = _read(ended, view, 2 * ends)
    state.ends += zip(ended[::2], ended[1::2], strict=True)
    for name in ROW:
        view = _read(getattr(state.curve, name), view, reports)
    view = _read(state.curve.values, view, values)
    changed = bytes(view).split(b"\n") if view else []
    lines.update(zip(head["changed"], changed, strict=True))


def _events(stored: Iterable[Any]) -> Iterator[Any]:
    return (decode(kind, event_id, t, body) for event_id, t, kind, body in stored)


def _read(column: array[Any], view: memoryview, n: int) -> memoryview:
    size = n * column.itemsize
    column.frombytes(view[:size])
    return view[size:]


def _finish(state: StudyState, head: dict[str, Any], lines: dict[int, bytes]) -> None:
    state.trials.restore([lines[number] for number in range(len(state.known))], partial(_trial, state))
    state.confirmations = [
        Confirmation(
            **{**stored, "finalists": tuple(stored["finalists"]), "compared": tuple(stored["compared"])}
        )
        for stored in head["confirmations"]
    ]
    state.waiting = set(head["waiting"])
    state.open = {number: state.trials[number].attempts[-1] for number in head["open"]}
    if head["best"] is not None:
        state.incumbent = state.trials[head["best"]]


def _trial(state: StudyState, number: int, line: bytes) -> Trial:
    (config, origin, created, last, parent, status, value, metrics, feasible, attempts, held_back, notes,
     repeats, repeat) = json.loads(line)  # fmt: skip
    return Trial(
        number, state.space.config_from_json(config), intern(origin), created,
        Reports(state.curve, last), parent, _STATUSES[status], value, _named(metrics), feasible,
        [_attempt(i, attempt) for i, attempt in enumerate(attempts, 1)], _named(held_back),
        [Note(*note) for note in notes],
        repeats, repeat,
    )  # fmt: skip


def _attempt(number: int, stored: Sequence[Any]) -> Attempt:
    started, target, ended, outcome, verdict, reason, traceback = stored
    verdict = None if verdict is None else Verdict(verdict)
    return Attempt(number, started, target, ended, outcome and intern(outcome), verdict, reason, traceback)


def _named(metrics: dict[str, float]) -> dict[str, float]:
    return {intern(name): value for name, value in metrics.items()}
