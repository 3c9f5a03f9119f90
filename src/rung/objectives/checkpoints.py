"""Checkpoints of trials on disk: replaced in one step, kept until the trial can never run again.

<folder>/<trial>/checkpoint          a symbolic link to the one that counts
<folder>/<trial>/epoch-<n>-<random>  its content, saved at epoch n
<folder>/<trial>/.epoch-<n>-<random> one that is being written
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rung._disk import sync

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EIO}
_PROBE = 1 << 16
"""Bytes that a disk takes that is not full."""
_TRIES = 20
"""Copies of a checkpoint that its owner may spoil by saving a newer one meanwhile."""


class Checkpoints:
    """The checkpoint of one trial, under the folder of all trials."""

    def __init__(self, folder: Path, trial: int) -> None:
        self._folder = folder
        self._home = folder / str(trial)
        self._link = self._home / "checkpoint"

    def path(self, epoch: int) -> Path:
        """Where the checkpoint is; an empty folder that says `epoch` is made if there is none."""
        if not self._link.exists():
            self._point_to(self._new(f"epoch-{epoch}-"))
        return self._link

    @property
    def exists(self) -> bool:
        """Whether something was saved."""
        while current := self._current():
            with contextlib.suppress(OSError):
                if any((self._home / current).iterdir()):
                    return True
            if current == self._current():  # else it was replaced, and deleted, while we looked
                break
        return False

    @property
    def epoch(self) -> int | None:
        """The epoch at which the checkpoint was saved, None if there is none."""
        with contextlib.suppress(OSError):
            return _epoch(self._link.readlink())
        return None

    @contextmanager
    def replace(self, epoch: int) -> Iterator[Path]:
        """An empty folder that becomes the checkpoint when the block ends well, and is on the disk by then.

        The one before stays until `settle`: the report of this epoch may never get through.
        """
        old = self._current()
        new = self._new(f".epoch-{epoch}-")
        try:
            yield new
            # A report of this epoch rests on it, and may be durable next.
            for path in filter(_has_content, (*new.rglob("*"), new)):
                sync(path)
        except BaseException as error:
            unsaid = isinstance(error, Exception) and not is_full(error) and is_full(error, new)
            shutil.rmtree(new, ignore_errors=True)  # there is room again from here on
            if unsaid:
                raise OSError(
                    errno.ENOSPC, f"no room on the disk ({type(error).__name__}: {error})"
                ) from error
            raise
        new = new.rename(new.with_name(new.name[1:]))  # whole from here on
        self._point_to(new)
        sync(self._home)
        self._clear(new.name, old)

    def settle(self) -> None:
        """Keep the one that counts: what it was saved for is durable."""
        if current := self._current():
            self._clear(current)

    def _current(self) -> str:
        # By name, since the folder may be reached through symbolic links.
        with contextlib.suppress(OSError):
            return self._link.readlink().name
        return ""

    def _clear(self, *keep: str) -> None:
        for other in self._home.iterdir():  # older ones, and what killed attempts left
            if other.name not in {self._link.name, *keep}:
                other.unlink() if other.is_symlink() else shutil.rmtree(other, ignore_errors=True)

    def roll_back(self, epoch: float) -> None:
        """Let the newest checkpoint that was saved at `epoch` or before count; without one there is none."""
        if (self.epoch or 0) <= epoch:
            return
        older = [path for path in self._home.glob("epoch-*") if (_epoch(path) or 0) <= epoch]
        if older:
            self._point_to(max(older, key=lambda path: (_epoch(path) or 0, path.stat().st_mtime)))
        else:
            self.discard()

    def copy_from(self, parent: int) -> None:
        """Begin with a copy of another trial's checkpoint, if that has one and this has none.

        Raises OSError if it can't be copied.
        """
        other = Checkpoints(self._folder, parent)
        for left in reversed(range(_TRIES)):
            if self._link.exists() or not other.exists:
                return
            source = other._link.resolve()
            try:
                with self.replace(_epoch(source) or 0) as path:
                    shutil.copytree(source, path, symlinks=True, dirs_exist_ok=True)
                    if other._link.resolve() != source:  # replaced meanwhile: some of it may be gone
                        raise FileNotFoundError(source)
            except (FileNotFoundError, shutil.Error):
                if not left:
                    raise

    def discard(self) -> None:
        """Delete it all."""
        shutil.rmtree(self._home, ignore_errors=True)

    def _new(self, prefix: str) -> Path:
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=prefix, dir=self._home))

    def _point_to(self, target: Path) -> None:
        aside = self._home / f".{target.name}.link"
        aside.unlink(missing_ok=True)
        aside.symlink_to(target.name, target_is_directory=True)
        aside.replace(self._link)


def is_full(error: BaseException, folder: Path | None = None) -> bool:
    """Whether the disk, full or broken, is why something failed.

    Libraries often don't say so (PyTorch raises a RuntimeError); then `folder`, if given, is asked whether it
    takes a file.
    """
    seen: list[BaseException] = []
    reason: BaseException | None = error
    while reason is not None and reason not in seen:
        if isinstance(reason, OSError) and reason.errno in _FULL:
            return True
        seen.append(reason)
        reason = reason.__cause__ or reason.__context__
    return folder is not None and not _takes_a_file(folder)


def _takes_a_file(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            file.write(bytes(_PROBE))
            os.fsync(file)
    except OSError as error:
        return error.errno not in _FULL
    return True


def _has_content(path: Path) -> bool:
    kind = path.lstat().st_mode
    return stat.S_ISREG(kind) or stat.S_ISDIR(kind)  # to open a pipe could take for ever


def _epoch(folder: Path) -> int | None:
    match = re.match(r"epoch-(\d+)-", folder.name)
    return int(match[1]) if match else None
