"""What can be said of PostgreSQL without a server."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rung import _opening
from rung.errors import ArgumentError
from rung.storage import open_storage, without_passwords


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://ada:s3cret@host:5432/db", "postgresql://ada@host:5432/db"),
        ("postgres://ada:s3c/ret@with@host/db?sslmode=require", "postgres://ada@host/db?sslmode=require"),
        ("postgresql://host/db?user=ada&password=s3cret&x=1", "postgresql://host/db?user=ada&password=&x=1"),
        ("--storage=postgresql://:s3cret@host/db", "--storage=postgresql://@host/db"),
        ("postgresql://ada@host/db", "postgresql://ada@host/db"),
        ("studies/a:b@c", "studies/a:b@c"),
    ],
)
def test_without_passwords(text, shown):
    assert without_passwords(text) == shown


def test_the_command_to_go_on_holds_no_password(tmp_path, monkeypatch):
    script = tmp_path / "train.py"
    script.touch()
    monkeypatch.setattr(sys, "argv", [str(script), "--storage", "postgresql://ada:s3cret@host/db"])
    assert _opening.command() == f"python {script} --storage postgresql://ada@host/db"


@pytest.mark.parametrize(
    "url", ["postgresql://ada:s3cret%zz@host/db", "postgresql://ada:s3cret@host:port/db?x"]
)
def test_a_url_that_is_none(url):
    with pytest.raises(ArgumentError, match="this is no URL of a database") as failed:
        open_storage(url)
    assert "s3cret" not in str(failed.value)


def test_without_psycopg():
    code = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from rung.storage import open_storage\n"
        "open_storage('postgresql://ada:s3cret@host/db')"
    )
    run = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert "StorageError: storage=postgresql://... needs psycopg" in run.stderr
    assert "pip install 'rung[postgres]'" in run.stderr
