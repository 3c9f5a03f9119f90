"""A real PostgreSQL server for the slow tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
from benchmarks.storage.postgres_server import Server, programs, server

from rung.storage.postgres import PostgresStorage


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    if programs() is None:
        pytest.skip("no PostgreSQL server is installed (Debian: postgresql)")
    with server() as running:
        yield running


def _empty(server: Server) -> None:
    with psycopg.connect(server.url, autocommit=True) as db:
        db.execute("DROP SCHEMA IF EXISTS rung CASCADE")


@pytest.fixture
def empty_server(postgres_server, tmp_path, monkeypatch) -> Server:
    """A server without a study, and a home for the files of those to come."""
    monkeypatch.setenv("RUNG_HOME", str(tmp_path / "home"))
    _empty(postgres_server)
    return postgres_server


@pytest.fixture
def postgres(empty_server) -> PostgresStorage:
    return PostgresStorage(empty_server.url)


@pytest.fixture
def make_postgres(empty_server) -> Callable[[], PostgresStorage]:
    """Empties the server."""

    def make() -> PostgresStorage:
        _empty(empty_server)
        return PostgresStorage(empty_server.url)

    return make
