"""One thread for the linear algebra of a decision: on a few hundred points more of them only wait."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from threading import Lock

_MAPS = Path("/proc/self/maps")
Library = tuple[Callable[[], int], Callable[[int], object]]
"""How to read and to set its number of threads."""
_lock = Lock()
_limited = 0
"""How many decisions are being made now, in all threads of this process."""
_before: list[tuple[Callable[[int], object], int]] = []
"""How to set the number of threads of each library, and what it had before the first of these."""


def loaded() -> list[Library]:
    """Return the OpenBLAS libraries of this process: numpy and scipy bring one each.

    None elsewhere than on Linux, or with another library: then nothing is limited.
    """
    if not _MAPS.exists():
        return []
    lines = _MAPS.read_text().splitlines()
    return [
        _library(path) for path in sorted({line.split(maxsplit=5)[5] for line in lines if "openblas" in line})
    ]


@contextmanager
def one_thread(libraries: list[Library]) -> Iterator[None]:
    """Limit these libraries to one thread, and give them back what they had.

    Decisions may be made in several threads at once: the first one limits, and the last one gives back.
    """
    global _limited  # noqa: PLW0603 - the number of threads is one of the process
    with _lock:
        if not _limited:
            _before[:] = [(put, get()) for get, put in libraries]
            for put, _ in _before:
                put(1)
        _limited += 1
    try:
        yield
    finally:
        with _lock:
            _limited -= 1
            if not _limited:
                for put, threads in _before:
                    put(threads)


def _library(path: str) -> Library:
    # The wheels of numpy and scipy add to the names.
    found = ctypes.CDLL(path)
    for prefix, suffix in product(("scipy_", ""), ("64_", "")):
        get = getattr(found, f"{prefix}openblas_get_num_threads{suffix}", None)
        put = getattr(found, f"{prefix}openblas_set_num_threads{suffix}", None)
        if get is not None and put is not None:
            return get, put
    return lambda: 1, lambda _: None
