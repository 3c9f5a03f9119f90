"""A real PostgreSQL server for the slow tests."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from benchmarks.postgres_server import Server, programs, server

from rung.storage.postgres import PostgresStorage


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    if programs() is None:
        pytest.skip("no PostgreSQL server is installed (Debian: postgresql)")
    with server() as running:
        yield running


@pytest.fixture
def empty_server(postgres_server, tmp_path, monkeypatch) -> Server:
    """A server without a study, and a home for the files of those to come."""
    monkeypatch.setenv("RUNG_HOME", str(tmp_path / "home"))
    with psycopg.connect(postgres_server.url, autocommit=True) as db:
        db.execute("DROP SCHEMA IF EXISTS rung CASCADE")
    return postgres_server


@pytest.fixture
def postgres(empty_server) -> PostgresStorage:
    return PostgresStorage(empty_server.url)
