"""A folder that appears whole or not at all, whatever is killed or loses its power meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rung._disk import sync

MAKING = ".new-"
"""How the name of a folder begins that is being made."""


@contextmanager
def made_aside(folder: Path) -> Iterator[Path]:
    """A new folder that is synced and gets the name `folder` when the block ends well.

    Files in it are the caller's to sync. Raises OSError, also if `folder` is there already.
    """
    import shutil
    import tempfile

    _make_durably(folder.parent)
    aside = Path(tempfile.mkdtemp(prefix=MAKING, dir=folder.parent))
    try:
        yield aside
        sync(aside)
        aside.rename(folder)
        sync(folder.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _make_durably(folder: Path) -> None:
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in missing:
        sync(path.parent)
