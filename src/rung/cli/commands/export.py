"""`rung export`: a study's log as text, or what is good of a damaged study as a new one."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import click

from rung._disk import write_whole
from rung.cli.commands.doctor import log_summary
from rung.cli.output import storage_option
from rung.errors import StudyError
from rung.storage import Storage, open_storage
from rung.storage.salvage import salvage as save
from rung.storage.sqlite import SqliteStorage
from rung.study.decoding import understood
from rung.study.events import Event, SessionStarted
from rung.views.text import visible


@click.command()
@click.argument("name")
@storage_option
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Instead of stdout.")
@click.option("--salvage", is_flag=True, help="Make a new study of what is good of a damaged one.")
@click.option("--as", "into", metavar="NEW", help="Its name; without it, NAME-salvaged.")
def export(name: str, storage: str, output: Path | None, salvage: bool, into: str | None) -> None:
    """Write a study's whole log as JSON, an event a line, report-only metrics and all.

    With --salvage, save a damaged study instead: all before the damage becomes a new study, with its
    checkpoints, and work can go on. The damaged one stays as it is.
    """
    opened = open_storage(storage)
    if salvage:
        if output is not None:
            raise click.UsageError("--salvage makes a study, no file; its name is --as")
        _salvage(opened, name, into or f"{name}-salvaged")
        return
    if into is not None:
        raise click.UsageError("--as is the name of a study that is made by --salvage")
    lines = [_line(event) for event in understood(opened.read(name), {})]
    if output is None:
        click.echo("".join(lines), nl=False)
    else:
        write_whole(output, "".join(lines))


def _salvage(storage: Storage, name: str, into: str) -> None:
    if not isinstance(storage, SqliteStorage):
        raise StudyError(f"study {name!r} is not in a folder; only files are salvaged")
    found = save(storage, name, into)
    plan = next((e.plan for e in reversed(found.events) if isinstance(e, SessionStarted)), {})
    # A script says the name itself.
    way = shlex.join(["rung", "resume", into]) if "file" in plan else f"the same code with name={into!r}"
    fault = found.fault.removesuffix("; see: rung doctor")
    for line in (
        f"study {into}: {log_summary(found.events)}, in {storage.folder(into)}",
        f"left out: what follows the damage of study {name} ({fault})",
        f"continue with: {way}",
    ):
        click.echo(visible(line))


def _line(event: Event) -> str:
    return json.dumps({"id": event.id, "t": event.t, "kind": event.kind, "body": event.body()}) + "\n"
