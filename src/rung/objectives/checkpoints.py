"""Checkpoints of trials: replaced in one step, kept until the trial can never run again.

How `FolderStore` keeps them:

<root>/<trial>/checkpoint                     a symbolic link to the one that counts
<root>/<trial>/epoch-<n>-a<attempt>-<random>  its content, saved at epoch n
<root>/<trial>/.epoch-<n>-a<attempt>-<random> one that is being written
<root>/<trial>/.attempt                       the newest attempt: older ones, wherever they run, save no more
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rung._disk import sync
from rung.objectives.ended import TrialInterrupted

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EIO}
_PROBE = 1 << 16
"""Bytes that a disk takes that is not full."""
_MARK, _ATTEMPT = ".mark", ".attempt"
_TRIES = 20
"""Copies of a checkpoint that its owner may spoil by saving a newer one meanwhile."""


class CheckpointStore(Protocol):
    """Where the trials of a study keep their checkpoints.

    The coordinator makes it, and it is pickled to go along to the workers. A trial runs in one place at a
    time, but workers of other trials may copy its checkpoint, and the coordinator may discard it.
    """

    def of(self, attempt: int, reported: Mapping[int, int] | None) -> CheckpointStore:
        """The store as this attempt of a trial is to use it.

        `reported` says up to which epoch the log knows each attempt before: what it saved later never counts.
        """
        ...

    def mark(self) -> str:
        """What a worker is to look for, by which it knows that it sees this store and no other."""
        ...

    def sees(self, mark: str) -> bool:
        """Whether this is, from here, the store that the coordinator marked."""
        ...

    def fetch(self, trial: int, until: float = math.inf) -> int | None:
        """Let the newest checkpoint that was saved at epoch `until` or before count; newer ones never will.

        Returns its epoch, None if there is none; 0 for files that were written into `path` directly.
        """
        ...

    def has(self, trial: int) -> bool:
        """Whether the trial has a checkpoint that counts."""
        ...

    def path(self, trial: int) -> Path:
        """A folder of this machine with the checkpoint that counts; an empty one if there is none."""
        ...

    def save(self, trial: int, epoch: int) -> AbstractContextManager[Path]:
        """An empty folder that becomes the checkpoint when the block ends well, and is durable by then.

        The one before stays until `settle`: the report of this epoch may never get through.
        """
        ...

    def settle(self, trial: int) -> None:
        """Keep the one that counts alone: what it was saved for is durable."""
        ...

    def copy(self, parent: int, trial: int) -> None:
        """Let a trial without a checkpoint begin with a copy of its parent's, if that has one."""
        ...

    def discard(self, trial: int) -> None:
        """Delete all checkpoints of a trial; it has none, or never runs again."""
        ...


@dataclass(frozen=True, slots=True)
class FolderStore:
    """Checkpoints below a folder of this machine. Each method is described in `CheckpointStore`."""

    root: Path
    attempt: int | None = None
    """Whose view of it this is; None is nobody's in particular."""
    reported: Mapping[int, int] | None = None

    def of(self, attempt: int, reported: Mapping[int, int] | None) -> FolderStore:
        """The same folder."""
        return FolderStore(self.root, attempt, reported)

    def mark(self) -> str:
        """A random text in a file."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        mark = secrets.token_hex(16)
        aside = self.root / f"{_MARK}-{mark}"
        aside.write_text(mark)
        aside.replace(self.root / _MARK)
        return mark

    def sees(self, mark: str) -> bool:
        """Whether the file says that."""
        try:
            return (self.root / _MARK).read_text() == mark
        except OSError:
            return False

    def fetch(self, trial: int, until: float = math.inf) -> int | None:
        """Roll back to what was saved at `until` or before."""
        current = self._current(trial)
        saved = list(self._home(trial).glob("epoch-*"))
        counting = [path for path in saved if self._counts(path, until)]
        if counting:
            newest = max(counting, key=lambda path: (_epoch(path), _attempt(path), path.name == current,
                                                     path.stat().st_mtime))  # fmt: skip
            if newest.name != current:
                self._point_to(trial, newest)
            for path in saved:
                if path not in counting:
                    shutil.rmtree(path, ignore_errors=True)
        elif current:
            self.discard(trial)
        self._take_over(trial)
        return self._epoch(trial) if self.has(trial) else None

    def has(self, trial: int) -> bool:
        """Whether something was saved."""
        while current := self._current(trial):
            with contextlib.suppress(OSError):
                if any((self._home(trial) / current).iterdir()):
                    return True
            if current == self._current(trial):  # else it was replaced, and deleted, while we looked
                break
        return False

    def path(self, trial: int) -> Path:
        """The link to the checkpoint."""
        link = self._link(trial)
        if not link.exists():
            self._point_to(trial, self._new(trial, "epoch-0-"))
        return link

    @contextmanager
    def save(self, trial: int, epoch: int) -> Iterator[Path]:
        """A folder aside, whose files are synced before the link points to it."""
        old = self._current(trial)
        new = self._new(trial, f".epoch-{epoch}-")
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
        if self.attempt is not None and self._newest_attempt(trial) > self.attempt:
            shutil.rmtree(new, ignore_errors=True)
            raise TrialInterrupted(f"trial {trial}: attempt {self._newest_attempt(trial)} runs elsewhere")
        new = new.rename(new.with_name(new.name[1:]))  # whole from here on
        self._point_to(trial, new)
        sync(self._home(trial))
        self._clear(trial, new.name, old)

    def settle(self, trial: int) -> None:
        """Delete all but the one that counts."""
        if current := self._current(trial):
            self._clear(trial, current)

    def copy(self, parent: int, trial: int) -> None:
        """Copy the files; raises OSError if that can't be done."""
        for left in reversed(range(_TRIES)):
            if self._link(trial).exists() or not self.has(parent):
                return
            source = self._link(parent).resolve()
            try:
                with self.save(trial, _epoch(source)) as path:
                    shutil.copytree(source, path, symlinks=True, dirs_exist_ok=True)
                    if self._link(parent).resolve() != source:  # replaced meanwhile: some of it may be gone
                        raise FileNotFoundError(source)
            except (FileNotFoundError, shutil.Error):
                if not left:
                    raise

    def discard(self, trial: int) -> None:
        """Delete the trial's folder."""
        shutil.rmtree(self._home(trial), ignore_errors=True)

    def _home(self, trial: int) -> Path:
        return self.root / str(trial)

    def _link(self, trial: int) -> Path:
        return self._home(trial) / "checkpoint"

    def _current(self, trial: int) -> str:
        # By name, since the folder may be reached through symbolic links.
        with contextlib.suppress(OSError):
            return self._link(trial).readlink().name
        return ""

    def _epoch(self, trial: int) -> int | None:
        current = self._current(trial)
        return _epoch(Path(current)) if current else None

    def _clear(self, trial: int, *keep: str) -> None:
        for other in self._home(trial).iterdir():  # older ones, and what killed attempts left
            newer = self.attempt is not None and _attempt(other) > self.attempt
            if not newer and other.name not in {self._link(trial).name, _ATTEMPT, *keep}:
                other.unlink() if other.is_symlink() else shutil.rmtree(other, ignore_errors=True)

    def _new(self, trial: int, prefix: str) -> Path:
        home = self._home(trial)
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.attempt is not None:
            prefix += f"a{self.attempt}-"
        return Path(tempfile.mkdtemp(prefix=prefix, dir=home))

    def _counts(self, path: Path, until: float) -> bool:
        """Whether the log knows what was trained up to this checkpoint."""
        known = math.inf if self.reported is None else self.reported.get(_attempt(path), math.inf)
        return _epoch(path) <= min(until, known)

    def _newest_attempt(self, trial: int) -> int:
        try:
            return int((self._home(trial) / _ATTEMPT).read_text())
        except (OSError, ValueError):
            return 0

    def _take_over(self, trial: int) -> None:
        """Let no older attempt, which may believe that it still runs, save any more."""
        if self.attempt is not None and self.attempt > 1:
            home = self._home(trial)
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            aside = home / f"{_ATTEMPT}-{self.attempt}"
            aside.write_text(str(self.attempt))
            aside.replace(home / _ATTEMPT)

    def _point_to(self, trial: int, target: Path) -> None:
        aside = self._home(trial) / f".{target.name}.link"
        aside.unlink(missing_ok=True)
        aside.symlink_to(target.name, target_is_directory=True)
        aside.replace(self._link(trial))


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


def _epoch(folder: Path) -> int:
    match = re.match(r"epoch-(\d+)-", folder.name)
    return int(match[1]) if match else 0


def _attempt(folder: Path) -> int:
    """Which attempt saved it; 0 of one that an earlier version of rung saved."""
    match = re.match(r"\.?epoch-\d+-a(\d+)-", folder.name)
    return int(match[1]) if match else 0
