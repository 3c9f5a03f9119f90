"""Files: what is to outlive the machine, and what a stranger may have put in the place of one."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_ONLY_TO_NAME_FILES: int = getattr(os, "O_PATH", os.O_RDONLY)  # Linux: needs no right to list the folder


def sync(path: Path) -> None:
    """Have the content of a file, or the names in a folder, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_regular(path: Path, flags: int = os.O_RDONLY) -> int:
    """A descriptor of a regular file; raises OSError for anything else.

    No link is followed, neither the file nor its folder, and no pipe is waited for.
    """
    folder = os.open(path.parent, _ONLY_TO_NAME_FILES | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        flags |= os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(path.name, flags, 0o600, dir_fd=folder)
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return descriptor
