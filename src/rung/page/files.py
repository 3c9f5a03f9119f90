"""Files of a study that the page shows: what attempts printed, and what `trial.log` kept."""

from __future__ import annotations

import os
from pathlib import Path

from rung._disk import open_regular
from rung.errors import NoTrialError
from rung.study.trial import Trial

_LOG = 262_144
"""Bytes of a log that are shown: its end."""
_LARGEST = 5_000_000
_PICTURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
"""By how they begin, what a browser may draw; nothing that can hold a script."""


def log(folder: Path | None, trial: int, attempt: int) -> str:
    """The end of what an attempt printed, without what a progress bar drew over; "" if nothing was kept."""
    if folder is None:
        return ""
    try:
        data = _read(folder / "logs" / f"t{trial}-a{attempt}.log", _LOG, from_end=True)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise NoTrialError(f"what trial {trial} printed can't be read: {error.strerror}") from error
    text = data.decode(errors="replace")
    return "\n".join(line.rpartition("\r")[2] for line in text.replace("\r\n", "\n").split("\n"))


def noted(folder: Path | None, trial: Trial, note: int, file: int) -> tuple[bytes, str]:
    """A file of a note and its type, which is no picture's unless a browser may draw it."""
    paths = [path for path in trial.notes[note].files.values() if path] if note < len(trial.notes) else []
    if folder is None or file >= len(paths):
        raise NoTrialError(f"trial {trial.number} has no such file")
    try:
        data = _read(folder / paths[file], _LARGEST)
    except OSError as error:
        raise NoTrialError(f"{paths[file]} can't be read: {error.strerror}") from error
    return data, picture_type(data) or "application/octet-stream"


def picture_type(data: bytes) -> str | None:
    """The type of a picture by its first bytes; None if it is none that may be drawn."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in _PICTURES.items() if data.startswith(start)), None)


def _read(path: Path, most: int, *, from_end: bool = False) -> bytes:
    descriptor = open_regular(path)
    with open(descriptor, "rb") as file:  # noqa: PTH123 -- a descriptor
        if from_end:
            file.seek(max(0, os.fstat(descriptor).st_size - most))
        return file.read(most)
