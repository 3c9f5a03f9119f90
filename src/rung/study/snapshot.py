"""A state in pieces of bytes, so that a long log need not be folded from its beginning.

A piece holds what has come to a state since the piece before it: new rows of its columns as they lie in
memory, and each trial that changed, as a line of JSON. Nothing in it is trusted more than a log: what does
not fit raises, and then the log is what counts.

    <head: a line of JSON> <columns, as long as the head says> <trials, a line each>
"""

from __future__ import annotations

import json
import operator
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from itertools import chain, count
from sys import intern
from typing import Any

from rung import __version__
from rung._text import brief
from rung.errors import StudyCorrupt
from rung.study.events import Event, Outcome, SessionStarted, StudyCreated, Verdict, WorkerStarted, decode
from rung.study.plan import check_plan
from rung.study.reports import ROW, Reports
from rung.study.state import ABSURD, Mark, StudyState
from rung.study.trial import Attempt, Trial

FORMAT = 1
"""To be raised whenever the fold of a log, or what a piece holds, changes."""
BY = f"{FORMAT}, rung {__version__}, {sys.byteorder}"
"""Who can read a piece: nobody but the same version on the same kind of machine."""

_PLAIN = ("t", "ended", "looks", "counts", "failed_in_a_row", "checkpoints", "last_failed")
"""Attributes of a state that are written as they are, whole each time."""
_TYPES: dict[str, tuple[type, ...]] = {
    "t": (float, int), "ended": (str,), "looks": (int,), "counts": (dict,), "failed_in_a_row": (int,),
    "checkpoints": (bool,), "last_failed": (int, type(None)),
}  # fmt: skip
_STATUSES = {"created": "created", "running": "running", **{outcome.value: outcome for outcome in Outcome}}
_json = json.JSONEncoder(separators=(",", ":")).encode


def fingerprint(event: Event) -> str:
    """A short text that tells one event from every other."""
    facts = _json([event.kind, event.id, float(event.t), event.body()])
    return blake2b(facts.encode(), digest_size=12).hexdigest()


# ---- writing


def piece(state: StudyState, last: Event, rows: str) -> bytes:
    """What has come to a state since `state.kept`; `last` is the newest event.

    `rows` is the storage's checksum of the events that the piece tells of.
    """
    kept, curve = state.kept, state.curve
    workers = kept.workers if kept.sessions == len(state.sessions) else 0
    changed = sorted(state.changed)
    head = {
        "by": BY,
        "after": kept.events,
        "events": state.events,
        "first": fingerprint(state.created),
        "last": fingerprint(last),
        "rows": rows,
        **{name: getattr(state, name) for name in _PLAIN},
        "best": None if state.incumbent is None else state.incumbent.number,
        "waiting": sorted(state.waiting),
        "open": list(state.open),
        "sessions": _told(state.sessions[kept.sessions :]),
        "workers": [workers, _told(state.workers[workers:])],
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
        len(curve), len(curve.values), len(curve.shapes), size,
    )  # fmt: skip


def _told(events: Iterable[Event]) -> list[Any]:
    return [[event.id, event.t, event.kind, event.body()] for event in events]


def _flat(pairs: Iterable[tuple[int, int]]) -> array[int]:
    return array("Q", chain.from_iterable(pairs))


def _line(state: StudyState, trial: Trial) -> bytes:
    attempts = [[a.started, a.target, a.ended, a.outcome, a.verdict, a.reason, a.traceback]
                for a in trial.attempts]  # fmt: skip
    facts = [
        state.space.config_to_json(trial.config), trial.origin, trial.created, trial.reports.last,
        trial.parent, trial.status, trial.value, trial.metrics, trial.feasible, attempts, trial.held_back,
    ]  # fmt: skip
    return _json(facts).encode()


# ---- reading


@dataclass(frozen=True, slots=True)
class Restored:
    """What a snapshot tells."""

    state: StudyState
    last: str
    """The fingerprint of the last event in it."""
    rows: Sequence[tuple[int, int, str]]
    """For each piece, beyond how many events it begins, where it ends, and the checksum of these."""


def restore(created: StudyCreated, pieces: Iterable[tuple[bytes, int]]) -> Restored | None:
    """The state that pieces tell, each with the place where it ends, of the study that `created` begins.

    None if they tell nothing of it. A piece that does not go on where those before it end is left out.
    Raises one of ABSURD, or StudyCorrupt, if a piece is not what `piece` writes.
    """
    state, told, rows = StudyState(created), dict[int, bytes](), list[tuple[int, int, str]]()
    whose, head, size = (BY, fingerprint(created)), dict[str, Any](), 0
    for text, end in pieces:
        new, view = _head(text)
        if (new["by"], new["first"]) != whose:
            return None
        if new["after"] == (state.events if rows else 0):
            head, size = new, end
            _take(state, head, view, told)
            rows.append((head["after"], head["events"], head["rows"]))
    if not rows:
        return None
    _finish(state, head, told)
    state.kept = mark(state, size)
    return Restored(state, head["last"], rows)


def check(state: StudyState) -> None:
    """Raise one of ABSURD, or StudyCorrupt, unless all trials of a restored state can be made and told of."""
    curve, attempts = state.curve, [len(trial.attempts) for trial in state.trials]
    if len(curve) and max(curve.shape) >= len(curve.shapes):
        raise ValueError("a report of nothing")
    if any(attempt > attempts[trial] for trial, attempt in state.ends):
        raise ValueError("an attempt ended that is none")
    if any(map(operator.gt, curve.attempt, map(attempts.__getitem__, curve.trial))):
        raise ValueError("an attempt reported that is none")


def _head(text: bytes) -> tuple[dict[str, Any], memoryview]:
    end = text.index(b"\n")
    return json.loads(text[:end]), memoryview(text)[end + 1 :]


def _take(state: StudyState, head: dict[str, Any], view: memoryview, told: dict[int, bytes]) -> None:
    for name, kinds in _TYPES.items():
        setattr(state, name, _of(kinds, head[name]))
    state.events = _of((int,), head["events"])
    state.sessions += _events(head["sessions"], SessionStarted)
    kept, workers = head["workers"]
    state.workers[kept:] = _events(workers, WorkerStarted)
    state.curve.know([tuple(_of((str,), name) for name in names) for names in head["shapes"]])
    trials, ends, reports, values = (_of((int,), length) for length in head["lengths"])
    known = array("Q")
    view = _read(known, view, 2 * trials)
    state.known += zip(known[::2], known[1::2], strict=True)
    ended = array("Q")
    view = _read(ended, view, 2 * ends)
    state.ends += zip(ended[::2], ended[1::2], strict=True)
    before = len(state.curve)
    for name in ROW:
        view = _read(getattr(state.curve, name), view, reports)
    if not all(map(operator.lt, state.curve.below[before:], count(before))):
        raise ValueError("a report follows a later one: whoever goes from one to the next might go round")
    view = _read(state.curve.values, view, values)
    lines = bytes(view).split(b"\n") if view else []
    told.update(zip(_numbers(head["changed"], len(state.known)), lines, strict=True))


def _of(kinds: tuple[type, ...], value: Any) -> Any:
    if type(value) not in kinds:
        raise TypeError(f"{value!r}")
    return value


def _events(told: Iterable[Any], kind: type[Any]) -> Iterator[Any]:
    for event_id, t, name, body in told:
        event = decode(name, event_id, t, body)
        if type(event) is not kind:
            raise TypeError(f"{event.id}")
        if isinstance(event, SessionStarted):
            check_plan(event.plan)
        yield event


def _read(column: array[Any], view: memoryview, n: int) -> memoryview:
    size = n * column.itemsize
    if n < 0 or size > len(view):
        raise ValueError(f"{n} entries")
    column.frombytes(view[:size])
    return view[size:]


def _finish(state: StudyState, head: dict[str, Any], told: dict[int, bytes]) -> None:
    n = len(state.known)
    if len(told) != n:
        raise ValueError(f"{len(told)} trials, of {n}")
    if state.counts.keys() != {outcome.value for outcome in Outcome}:
        raise ValueError(f"counts of {brief(state.counts)}")
    _numbers(state.counts.values(), n + 1)
    _numbers([] if state.last_failed is None else [state.last_failed], n)
    state.trials.tell([told[number] for number in range(n)], partial(_trial, state))
    state.waiting = set(_numbers(head["waiting"], n))
    state.open = {number: state.trials[number].attempts[-1] for number in _numbers(head["open"], n)}
    for best in _numbers([] if head["best"] is None else [head["best"]], n):
        state.incumbent = state.trials[best]


def _numbers(told: Iterable[Any], n: int) -> list[int]:
    numbers = [_of((int,), number) for number in told]
    if numbers and not 0 <= min(numbers) <= max(numbers) < n:
        raise ValueError(f"there are {n} trials")
    return numbers


_LINE: tuple[tuple[type, ...], ...] = (
    (dict,), (str,), (float, int), (int,), (int, type(None)), (str,), (float, int, type(None)), (dict,),
    (bool,), (list,), (dict,),
)  # fmt: skip
_ATTEMPT: tuple[tuple[type, ...], ...] = (
    (float, int), (int, type(None)), (float, int, type(None)), (str, type(None)), (str, type(None)), (str,),
    (str,),
)  # fmt: skip


def _trial(state: StudyState, number: int, told: bytes) -> Trial:
    try:
        config, origin, created, last, parent, status, value, metrics, feasible, attempts, held_back = _typed(
            _LINE, json.loads(told)
        )
        if not -1 <= last < len(state.curve) or not (parent is None or 0 <= parent < number):
            raise ValueError(f"its last report is {last}, its parent {parent}")
        return Trial(
            number, state.space.validate(state.space.config_from_json(config)), intern(origin), created,
            Reports(state.curve, last), parent, _STATUSES[status], value, _metrics(metrics), feasible,
            [_attempt(i, attempt) for i, attempt in enumerate(attempts, 1)], _metrics(held_back),
        )  # fmt: skip
    except ABSURD as error:
        raise StudyCorrupt(
            f"the study's snapshot tells of a trial {number} that is none ({brief(error, 200)}); "
            "delete study.snapshot: the log tells all"
        ) from error


def _attempt(number: int, told: Sequence[Any]) -> Attempt:
    started, target, ended, outcome, verdict, reason, traceback = _typed(_ATTEMPT, told)
    verdict = None if verdict is None else Verdict(verdict)
    return Attempt(number, started, target, ended, outcome and intern(outcome), verdict, reason, traceback)


def _typed(kinds: Sequence[tuple[type, ...]], values: Sequence[Any]) -> Sequence[Any]:
    if len(values) != len(kinds) or not all(map(operator.contains, kinds, map(type, values))):
        raise TypeError(f"{values!r}")
    return values


def _metrics(told: dict[str, Any]) -> dict[str, float]:
    if not {float, int}.issuperset(map(type, told.values())):
        raise TypeError(f"{told!r}")
    return {intern(name): value for name, value in told.items()}
