"""Checkpoints of trials on disk: replaced in one step, kept until the trial can never run again.

<folder>/<trial>/checkpoint          a symbolic link to the one that counts
<folder>/<trial>/epoch-<n>-<random>  its content, saved at epoch n
"""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
            self._point_to(self._new(epoch))
        return self._link

    @property
    def exists(self) -> bool:
        """Whether something was saved."""
        with contextlib.suppress(OSError):
            return any(self._link.iterdir())
        return False

    @property
    def epoch(self) -> int | None:
        """The epoch at which the checkpoint was saved, None if there is none."""
        with contextlib.suppress(OSError):
            match = re.match(r"epoch-(\d+)-", self._link.readlink().name)
            return int(match[1]) if match else None
        return None

    @contextmanager
    def replace(self, epoch: int) -> Iterator[Path]:
        """An empty folder that becomes the checkpoint when the block ends well; the old one then goes."""
        old = self._link.resolve() if self._link.exists() else None
        new = self._new(epoch)
        try:
            yield new
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
        self._point_to(new)
        if old is not None:
            shutil.rmtree(old, ignore_errors=True)

    def copy_from(self, parent: int) -> None:
        """Begin with a copy of another trial's checkpoint, if that has one and this has none."""
        other = Checkpoints(self._folder, parent)
        for _ in range(_TRIES):
            if self._link.exists() or not other.exists:
                return
            with contextlib.suppress(OSError, shutil.Error), self.replace(other.epoch or 0) as path:
                source = other._link.resolve()
                shutil.copytree(source, path, dirs_exist_ok=True)
                if other._link.resolve() != source:  # replaced meanwhile: some of it may have been deleted
                    raise FileNotFoundError(source)

    def discard(self) -> None:
        """Delete it all."""
        shutil.rmtree(self._home, ignore_errors=True)

    def _new(self, epoch: int) -> Path:
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f"epoch-{epoch}-", dir=self._home))

    def _point_to(self, target: Path) -> None:
        aside = self._home / f".{target.name}.link"
        aside.symlink_to(target.name, target_is_directory=True)
        aside.replace(self._link)
