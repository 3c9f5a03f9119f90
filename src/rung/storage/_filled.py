"""Room for SQLite's write-ahead log, so that a commit syncs its own bytes and nothing else.

To sync a file that grew, the file system commits its journal as well: another trip to the disk, and a wait
for threads of the system, which is long where other processes keep the cores busy.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

ROOM = 32 + 1000 * (24 + 4096)
"""Bytes of the log when SQLite checkpoints it, to write from its start again: a header, 1,000 pages."""


def fill_log(database: Path) -> None:
    """Extend the log by zeros, at which it ends for SQLite as at stale pages; hold the write lock meanwhile.

    A hole would not do, since filling it changes metadata too. A disk without the room is no error: SQLite
    then takes what it needs, when it needs it.
    """
    with contextlib.suppress(OSError):
        log = os.open(database.with_name(f"{database.name}-wal"), os.O_WRONLY | os.O_NOFOLLOW)
        try:
            size = os.fstat(log).st_size
            missing = max(0, ROOM - size)
            if os.pwrite(log, bytes(missing), size) < missing:
                os.ftruncate(log, size)
        finally:
            os.close(log)
