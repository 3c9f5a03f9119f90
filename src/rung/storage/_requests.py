"""Requests that another process leaves for the session that runs a study: files of no content in its folder.

What is asked for is in the name, so that nothing has to be opened to read it.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path

from rung._disk import open_regular
from rung._text import brief
from rung.errors import ArgumentError, StorageError

_REQUEST = re.compile(r"[a-z0-9-]{1,40}")
_PREFIX = "request-"


def check_request(request: str) -> None:
    """Raise ArgumentError unless `request` is a short name."""
    if not isinstance(request, str) or not _REQUEST.fullmatch(request):
        raise ArgumentError(f"request={brief(request)}; give 1 to 40 characters of a-z, 0-9 and -")


def leave(folder: Path, request: str) -> None:
    """Leave a request in a study's folder; raises StorageError if that can't be."""
    check_request(request)
    try:
        os.close(open_regular(folder / f"{_PREFIX}{request}", os.O_WRONLY | os.O_CREAT))
    except OSError as error:
        raise StorageError(f"{folder / (_PREFIX + request)} can't be made: {error.strerror}") from error


def take(folder: Path) -> Sequence[str]:
    """Remove the requests in a study's folder, and return them."""
    taken = []
    with contextlib.suppress(OSError):
        for name in sorted(os.listdir(folder)):  # noqa: PTH208 -- names are all we want
            request = name.removeprefix(_PREFIX)
            if request != name and _REQUEST.fullmatch(request) and _removed(folder / name):
                taken.append(request)
    return taken


def _removed(path: Path) -> bool:
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return False  # nothing of rung's
        path.unlink()
    except OSError:
        return False  # what can't be removed would be heeded for ever
    return True
