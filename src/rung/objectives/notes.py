"""The objective's side of `trial.log`: values are checked, and files copied before the log speaks of them."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rung._disk import open_regular, sync
from rung._text import brief
from rung.errors import ArgumentError
from rung.objectives.checkpoints import is_full
from rung.objectives.ended import DiskFull
from rung.study.notes import LARGEST_FILE, MOST_BYTES, MOST_FILES, check_name, place, size


class Notes:
    """What one run of a trial has logged so far; `root` is the study's folder, None of one in memory."""

    def __init__(self, trial: int, attempt: int, root: Path | None) -> None:
        self._trial, self._attempt, self._root = trial, attempt, root
        self._bytes = self._files = self.number = 0

    def take(self, given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the values of a call, and where its files were copied; raises ArgumentError."""
        values, paths = dict[str, Any](), dict[str, Path]()
        for name, value in given.items():
            try:
                check_name(name)
            except ValueError as error:
                raise ArgumentError(f"trial.log: {error}") from None
            if isinstance(value, os.PathLike):
                paths[name] = Path(value)
            else:
                values[name] = _plain(name, value)
        if not given:
            raise ArgumentError(
                'trial.log(): give values, such as note="the loss jumped", or image=Path("a.png")'
            )
        used, files = self._bytes + size(values) * bool(values), self._files + len(paths)
        if used > MOST_BYTES:
            raise ArgumentError(
                f"trial.log: {brief(list(values))} would make {used} bytes of notes in a run of a trial, "
                f"of at most {MOST_BYTES}; write more to a file, and log its path: name=Path(...)"
            )
        if files > MOST_FILES:
            raise ArgumentError(
                f"trial.log: {brief(list(paths))} would make {files} files in a run of a trial, of at most "
                f"{MOST_FILES}; keep more in a folder of your own"
            )
        contents = {name: _read(name, path) for name, path in paths.items()}
        self._bytes, self._files, self.number = used, files, self.number + 1
        return values, {name: self._keep(name, paths[name], content) for name, content in contents.items()}

    def _keep(self, name: str, path: Path, content: bytes) -> str:
        if self._root is None:
            return ""
        stem = re.sub(r"[^A-Za-z0-9_-]+", "-", name)[:60]
        suffix = path.suffix if re.fullmatch(r"\.[A-Za-z0-9]{1,10}", path.suffix) else ""
        file = f"{self._attempt}-{self.number}-{self._files}-{stem}{suffix}"
        kept = self._root / place(self._trial, file)
        try:
            _write(kept, content)
        except OSError as error:
            if is_full(error):
                raise DiskFull(f"the file {name} can't be kept: {error}") from error
            raise
        return file


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, str | int | None):
        return value
    try:
        return float(value)  # also of numpy and torch
    except (TypeError, ValueError, OverflowError, RuntimeError):
        raise ArgumentError(
            f"trial.log: {name}={brief(value)}; give text, a number, or the Path of a file"
        ) from None


def _read(name: str, path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe is not waited for
    except OSError as error:
        raise ArgumentError(f"trial.log: {name}={str(path)!r} can't be read: {error.strerror}") from error
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise ArgumentError(f"trial.log: {name}={str(path)!r} is not a regular file")
    with open(descriptor, "rb") as file:  # noqa: PTH123 -- a descriptor
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise ArgumentError(
            f"trial.log: {name}={str(path)!r} has {max(len(content), found.st_size)} bytes, of at most "
            f"{LARGEST_FILE}; save what is larger in trial.checkpoint(), or in a folder of your own"
        )
    return content


def _write(path: Path, content: bytes) -> None:
    """Have the content on the disk under that name; no link is followed."""
    notes = path.parent.parent
    for folder in (notes, path.parent):
        if folder.is_symlink():
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(folder))
        folder.mkdir(mode=0o700, exist_ok=True)
    path.unlink(missing_ok=True)  # of a trial that a power cut took from the log, whose number this one has
    with open(open_regular(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:  # noqa: PTH123
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    for folder in (path.parent, notes, notes.parent):
        sync(folder)
