"""Requests for the session that runs a study, as rows of a table of their own.

The table came later than the others; without the right to create it, studies run all the same, but can't be
sent requests.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import psycopg

Connection = psycopg.Connection[tuple[Any, ...]]

_TABLE = """
CREATE TABLE IF NOT EXISTS rung.request (study integer, request text, PRIMARY KEY (study, request))
"""
_LOCK = "SELECT pg_advisory_xact_lock(%s, 0)"


def make_table(db: Connection, lock: int) -> None:
    """Make the table unless it is there; of many who come at once, one does."""
    (there,) = db.execute("SELECT to_regclass('rung.request') IS NOT NULL").fetchone() or (False,)
    if not there:
        with db.transaction():
            db.execute(_LOCK, (lock,))
            db.execute(_TABLE)


def leave(db: Connection, study: int, request: str) -> None:
    """Leave a request for the session that runs the study of that number."""
    db.execute("INSERT INTO rung.request VALUES (%s, %s) ON CONFLICT DO NOTHING", (study, request))


def take(db: Connection, study: int) -> Sequence[str]:
    """Remove the requests for a study, and return them; none while the server can't be asked."""
    with contextlib.suppress(psycopg.Error):
        rows = db.execute("DELETE FROM rung.request WHERE study = %s RETURNING request", (study,)).fetchall()
        return sorted(request for (request,) in rows)
    return ()
