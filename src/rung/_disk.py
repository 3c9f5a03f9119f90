"""Files: synced, so that they outlive the machine; and opened without trust in what lies in their place."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from pathlib import Path

from rung.errors import StorageError


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
    if path.parent.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path.parent))
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return descriptor


def write_whole(path: Path, text: str) -> Path:
    """Write a file of the user's, whole or not at all, and return where it is; raises StorageError."""
    try:
        if path.exists() and not path.is_file():  # such as /dev/stdout
            path.write_text(text)
            return path
        # An unpredictable name, and a new file: no link of another user's is followed.
        aside = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}")
        descriptor = os.open(
            aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666
        )
        try:
            with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 -- a descriptor
                file.write(text)
            aside.replace(path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StorageError(f"{path} can't be written: {error.strerror}") from error
    return path
