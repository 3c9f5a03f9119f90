"""Logs, cut into the pieces of a snapshot, and what two states must have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from rung.storage._rows import event_of, row_of
from rung.study import snapshot
from rung.study.events import Event
from rung.study.state import StudyState
from rung.testing.faults import Setting, World


@cache
def log_of(seed: int) -> tuple[Event, ...]:
    """The log of a study in which much goes wrong, as it is stored."""
    world = World(Setting.draw(seed))
    world.run()
    return tuple(event_of(row_of(i, 1, event), i, "") for i, event in enumerate(world.log, 1))


def cut(events: Sequence[Event], ends: Iterable[int]) -> list[tuple[bytes, int]]:
    """The pieces that a coordinator leaves which writes one after each of so many events."""
    state, pieces = StudyState.replay(events[:1]), []
    wanted, mark, changed = set(ends), snapshot.Mark(), set()
    for event in events[1:]:
        state.apply(event)
        if hasattr(event, "trial"):
            changed.add(event.trial)
        if state.events in wanted:
            text = snapshot.piece(state, mark, changed, event, "")
            mark, changed = snapshot.mark(state, mark.size + len(text)), set()
            pieces.append((text, mark.size))
    return pieces


def facts(state: StudyState) -> dict[str, Any]:
    """All that a state says, as text, since NaN equals nothing."""
    said = {
        **{name: getattr(state, name) for name in (
            "created", "seed", "sessions", "workers", "ended", "looks", "events", "t", "counts", "known", "ends",
            "failed_in_a_row", "checkpoints", "last_failed", "epoch", "plan", "resource", "open", "incumbent", "best",
        )},
        "waiting": sorted(state.waiting),
        "curve": list(state.curve),
        "trials": [(t, t.held_back, t.attempts, [a.traceback for a in t.attempts]) for t in state.trials],
        "reports": [[(r, r.held_back, len(t.reports)) for r in t.reports] for t in state.trials],
        "digest": state.digest(),
        "seen": [state.seen(trial.config) for trial in state.trials],
        "is open": [attempt is state.trials[n].attempts[-1] for n, attempt in state.open.items()],
        "is best": state.incumbent is None or state.incumbent is state.trials[state.incumbent.number],
    }  # fmt: skip
    return {name: repr(value) for name, value in said.items()}
