"""`rung status`: how a study stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from rung._opening import look
from rung._status import state_of, summary_of
from rung._text import counted
from rung.analysis.usage import checkpoint_bytes
from rung.cli.output import json_option, name_argument, storage_option, write_json
from rung.execution.node.roster import workers_of
from rung.storage import Owner
from rung.study.sizes import size_text
from rung.study.state import StudyState
from rung.views.summary import ending, rows
from rung.views.text import visible

if TYPE_CHECKING:
    from rung.analysis.winner import Winner


@click.command()
@name_argument
@storage_option
@json_option
def status(name: str | None, storage: str, as_json: bool) -> None:
    """How a study stands (without NAME: the one changed last)."""
    opened, name, state = look(name, storage)
    owner = next((info.owner for info in opened.studies() if info.name == name), None)
    summary = summary_of(name, state, owner)
    folder = opened.folder(name)
    saved = checkpoint_bytes((folder / "trials").glob("*")) if folder else 0
    workers = workers_of(folder) if owner else []
    winner = _winner(state)
    if as_json:
        extra = {
            "winner": winner.to_json() if winner else None,
            "state": state_of(state, owner),
            "owner": asdict(owner) if owner else None,
            "folder": str(folder),
            "checkpoint_bytes": saved,
            "workers": workers,
            "learns_from": [event.taken for event in state.earlier],
        }
        write_json({**extra, **asdict(summary), "finished": summary.finished})
        return
    lines = [("study", name), ("state", _state_text(state, owner))]
    # The best score of a confirmed study was a lucky one.
    lines += [(row.label, row.text) for row in rows(summary) if winner is None or row.label != "best"]
    if winner:
        lines.append(("winner", _winner_text(winner, summary.metric)))
    lines += [("learns", f"from {event.taken}") for event in state.earlier]
    lines += [("worker", _worker_text(worker)) for worker in workers]
    if saved:
        lines.append(("on disk", f"{size_text(saved)} of checkpoints"))
    for label, text in [*lines, ("stored", str(folder))]:
        click.echo(f"{label:<9}{visible(text)}")


def _winner(state: StudyState) -> Winner | None:
    if state.confirmed is None:
        return None
    from rung.analysis.winner import winner_of  # loads scipy

    return winner_of(state)


def _winner_text(winner: Winner, metric: str) -> str:
    within = "" if winner.interval is None else " [{:.4g}, {:.4g}]".format(*winner.interval)
    return (f"{metric}={winner.value:.4g}{within}  trial {winner.trial}, confirmed by "
            f"{counted(winner.own_runs, 'fresh run')}")  # fmt: skip


def _worker_text(worker: Mapping[str, Any]) -> str:
    trials = f", trial {', '.join(map(str, worker['trials']))}" if worker["trials"] else ""
    since = datetime.fromtimestamp(worker["since"], tz=UTC).astimezone().strftime("%Y-%m-%d %H:%M")
    return f"{worker['host']} (pid {worker['pid']}): {worker['state']}{trials}; since {since}"


def _state_text(state: StudyState, owner: Owner | None) -> str:
    standing = state_of(state, owner)
    if owner is not None:
        return f"running: {owner}"
    if standing in {"new", "done", "exhausted"}:
        return ending(standing)
    command = state.plan.get("command")
    return f"{ending(standing)}; continue with: {command}" if command else ending(standing)
