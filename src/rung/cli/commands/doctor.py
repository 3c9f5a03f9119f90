"""`rung doctor`: what is sound, what is damaged, and what can be saved."""

from __future__ import annotations

import platform
import shlex
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import psutil

from rung import __version__
from rung.analysis.usage import folder_bytes
from rung.cli.output import json_option, name_argument, storage_option, write_json
from rung.errors import StudyNewer
from rung.storage import Storage, open_storage
from rung.storage.salvage import examine
from rung.storage.sqlite import SqliteStorage
from rung.study.events import Event
from rung.study.sizes import size_text
from rung.study.state import StudyState
from rung.views.text import visible

_NETWORK = ("nfs", "cifs", "smb", "afs", "9p", "ceph", "gluster", "lustre", "gpfs", "beegfs", "fuse.sshfs")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    about: str
    sound: bool
    said: str


@click.command()
@name_argument
@storage_option
@json_option
@click.pass_context
def doctor(ctx: click.Context, name: str | None, storage: str, as_json: bool) -> None:
    """Check a study (without NAME: all), and say what can be saved.

    Reads everything and changes nothing. The exit code is 1 if something needs a fix.
    """
    opened = open_storage(storage)
    findings = [*_system(), *_place(opened)]
    findings += [_study(opened, name)] if name is not None else _all(opened)
    if as_json:
        write_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            mark = "ok  " if finding.sound else "BAD "
            lines = f"{finding.about}: {finding.said}".split("\n")
            click.echo(mark + "\n    ".join(map(visible, lines)))
    ctx.exit(0 if all(finding.sound for finding in findings) else 1)


def _system() -> list[Finding]:
    said = f"{__version__}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    if has_wal_reset_bug(sqlite3.sqlite_version_info):
        said += (
            "; this SQLite can lose data where two programs write to one database. "
            "rung never does: let nothing else write to a study.db"
        )
    return [Finding("rung", True, said)]


def has_wal_reset_bug(version: tuple[int, ...]) -> bool:
    """Whether a release of SQLite may lose what one connection wrote when another resets the log."""
    fixed = (3, 44, 6) <= version < (3, 45) or (3, 50, 7) <= version < (3, 51)
    return (3, 7, 0) <= version < (3, 51, 3) and not fixed


def _place(storage: Storage) -> list[Finding]:
    if not isinstance(storage, SqliteStorage):
        return []
    folder = Path(str(storage))
    kind = file_system(folder)
    if kind.startswith(_NETWORK):
        said = f"on {kind}, a network file system, where locks and SQLite's log can't be trusted: "
        return [Finding(str(folder), False, said + "use a folder on a local disk")]
    if not folder.is_dir():
        return [Finding(str(folder), True, "there is no study yet")]
    left = [path for path in folder.iterdir() if path.name.startswith((".new-", ".deleted-"))]
    return [
        Finding(str(folder), True, f"on {kind or 'a file system without a name'}"),
        *(Finding(str(path), True, _leftover(path)) for path in sorted(left)),
    ]


def file_system(path: Path) -> str:
    """The type of the file system that a path is on, "" if unknown."""
    mounts = {Path(part.mountpoint): part.fstype for part in psutil.disk_partitions(all=True)}
    real = path.resolve()
    return next((mounts[parent] for parent in (real, *real.parents) if parent in mounts), "")


def _leftover(path: Path) -> str:
    how = "made" if path.name.startswith(".new-") else "deleted"
    return (
        f"left of a study whose process died while it was {how} ({size_text(folder_bytes(path))}); "
        "it is no study: if none is made or deleted right now, remove the folder"
    )


def _all(storage: Storage) -> list[Finding]:
    names = sorted(info.name for info in storage.studies())
    findings = [_study(storage, name) for name in names]
    if isinstance(storage, SqliteStorage) and Path(str(storage)).is_dir():
        known = {storage.folder(name) for name in names}
        findings += [
            Finding(str(path), False, _nameless(path))
            for path in sorted(Path(str(storage)).iterdir())
            if path.is_dir() and not path.name.startswith(".") and path not in known
        ]
    return findings


def _nameless(folder: Path) -> str:
    if not (folder / "study.db").is_file():
        return "no study: it holds no study.db"
    return "a study whose name can't be read; if you know it: rung doctor NAME"


def _study(storage: Storage, name: str) -> Finding:
    try:
        found = examine(storage, name)
    except StudyNewer as error:
        return Finding(name, False, str(error))
    if not found.fault:
        owner = next((info.owner for info in storage.studies() if info.name == name), None)
        who = f"run by {owner}" if owner else "nobody runs it"
        return Finding(name, True, f"sound, {log_summary(found.events)}; {who}")
    fault = found.fault.removesuffix("; see: rung doctor")
    if not found.events:
        return Finding(
            name, False, f"{fault}\nnothing of its log can be saved; its files stay where they are"
        )
    command = shlex.join(["rung", "export", name, "--salvage"])
    return Finding(
        name, False, f"{fault}\ngood: {log_summary(found.events)}\nto save that as another study: {command}"
    )


def log_summary(events: Sequence[Event]) -> str:
    """What a log holds, in a few words."""
    state = StudyState.replay(events)
    finished = sum(trial.is_finished for trial in state.trials)
    best = f", best {state.goals.first.name} = {state.best.value!r}" if state.best else ""
    return f"{len(events)} events, {len(state.trials)} trials, {finished} finished{best}"
