"""A log that a newer rung wrote is not damaged: whatever is not understood in it, rung asks to be upgraded."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest
from click.testing import CliRunner

import rung
from rung.cli.main import commands
from rung.errors import StudyCorrupt, StudyNewer
from rung.storage import Owner
from rung.storage._rows import crc_of
from rung.storage.sqlite import _INSERT, SqliteStorage
from rung.study.events import SCHEMA_VERSION

SPACE = {"x": rung.Float(0, 1)}
HERE, LATER = rung.__version__, "99.1.0"


def rows_of(path):
    with closing(sqlite3.connect(path)) as db:
        return [
            list(row) for row in db.execute("SELECT seq, id, epoch, t, kind, body FROM event ORDER BY seq")
        ]


def write(path, rows):
    """Store rows as a rung does: with good checksums."""
    with closing(sqlite3.connect(path)) as db, db:
        triggers = db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            db.execute(f"DROP TRIGGER {name}")
        db.execute("DELETE FROM event")
        for row in rows:
            db.execute(_INSERT, (*row, crc_of(*row)))
        for _, sql in triggers:
            db.execute(sql)


@pytest.fixture
def storage(tmp_path):
    rung.tune(lambda x: x, SPACE, n_trials=2, name="a", searcher="random", storage=tmp_path, progress=False)
    return SqliteStorage(tmp_path)


def rewrite(storage, kind, change, by):
    """Change the first event of a kind, in a log whose sessions say that rung `by` wrote them."""
    path = storage.database("a")
    rows = rows_of(path)
    for row in rows:
        if row[4] == "SessionStarted":
            body = json.loads(row[5])
            body["versions"].update(by)
            row[5] = json.dumps(body)
    row = next(row for row in rows if row[4] == kind)
    body = json.loads(row[5])
    row[4] = change(body) or kind
    row[5] = json.dumps(body)
    write(path, rows)


def new_kind(body):
    body.clear()
    return "TrialAdmired"


def new_field(body):
    body["mood"] = "good"


def new_outcome(body):
    body["outcome"] = "forgiven"


def new_type(body):
    body["trial"] = str(body["trial"])


def new_plan(body):
    body["plan"]["searcher"] = "a name"


CHANGES = [
    ("FinalReportShown", new_kind), ("AttemptStarted", new_kind), ("AttemptStarted", new_field),
    ("AttemptEnded", new_outcome), ("AttemptEnded", new_type), ("SessionStarted", new_field),
    ("SessionStarted", new_plan), ("SessionEnded", new_kind),
]  # fmt: skip


def all_ways_in(storage, root):
    return (
        lambda: rung.Study.load("a", storage=root),
        lambda: rung.Study(SPACE, name="a", storage=root).ask(),
        lambda: rung.tune(lambda x: x, SPACE, n_trials=9, name="a", storage=root, progress=False),
    )


@pytest.mark.parametrize(("kind", "change"), CHANGES)
def test_what_is_not_understood_asks_for_an_upgrade_and_is_left_alone(storage, tmp_path, kind, change):
    rung.Study.load("a", storage=tmp_path).final_report()
    rewrite(storage, kind, change, {"rung": LATER})
    before = rows_of(storage.database("a"))
    for way_in in all_ways_in(storage, tmp_path):
        with pytest.raises(StudyNewer) as caught:
            way_in()
        said = str(caught.value)
        assert f"written by rung {LATER}; this is rung {HERE}" in said
        assert f"upgrade rung to {LATER} or later" in said
        assert not isinstance(caught.value, StudyCorrupt)
    assert rows_of(storage.database("a")) == before


@pytest.mark.parametrize(("kind", "change"), CHANGES)
def test_the_same_by_this_rung_is_no_reason_to_upgrade(storage, tmp_path, kind, change):
    rung.Study.load("a", storage=tmp_path).final_report()
    rewrite(storage, kind, change, {"rung": HERE})
    for way_in in all_ways_in(storage, tmp_path):
        with pytest.raises(StudyCorrupt, match=r"can't be read|does not follow") as caught:
            way_in()
        assert "upgrade" not in str(caught.value)


def test_a_session_in_a_later_format_of_a_rung_without_a_new_number(storage, tmp_path):
    rewrite(storage, "AttemptStarted", new_field, {"schema": str(SCHEMA_VERSION + 1)})
    with pytest.raises(StudyNewer, match="upgrade rung"):
        rung.Study.load("a", storage=tmp_path)


@pytest.mark.parametrize(
    "new", [{}, {"something": {"new": 1}}, {"space": {"domains": [["x", {"type": "simplex"}]]}}]
)
def test_a_study_created_in_a_later_format(storage, tmp_path, new):
    def later(body):
        body.update(new, schema=SCHEMA_VERSION + 1)

    rewrite(storage, "StudyCreated", later, {"rung": HERE})
    newer = f"written in format {SCHEMA_VERSION + 1}; this rung reads up to {SCHEMA_VERSION}"
    message = rf"{newer}: upgrade rung \(this is rung {HERE}\)"
    with pytest.raises(StudyNewer, match=message):
        rung.Study.load("a", storage=tmp_path)


def test_a_newer_rungs_log_opens_while_all_of_it_is_understood(storage, tmp_path):
    rewrite(
        storage,
        "AttemptEnded",
        lambda body: None,
        {"rung": LATER, "schema": str(SCHEMA_VERSION + 1), "torch": "9"},
    )
    assert len(rung.Study.load("a", storage=tmp_path).trials) == 2
    again = rung.tune(lambda x: x, SPACE, n_trials=3, name="a", storage=tmp_path, progress=False)
    assert len(again.trials) == 3


def test_damage_of_a_newer_log_is_damage(storage, tmp_path):
    rewrite(storage, "AttemptEnded", new_outcome, {"rung": LATER})
    with closing(sqlite3.connect(storage.database("a"))) as db, db:
        db.execute("DROP TRIGGER event_is_never_changed")
        db.execute("UPDATE event SET body = body || ' ' WHERE seq = 4")
    with pytest.raises(StudyCorrupt, match="event 4 is damaged; the last good one is event 3"):
        rung.Study.load("a", storage=tmp_path)


def test_the_command_line_never_calls_it_damaged(storage, tmp_path):
    rewrite(storage, "AttemptStarted", new_kind, {"rung": LATER})

    def call(*words):
        return CliRunner().invoke(commands, [*words, "--storage", str(tmp_path)], catch_exceptions=False)

    commands_and_codes = {"status a": 74, "best a": 74, "export a": 74, "export a --salvage": 74, "doctor a": 1,
                          "doctor": 1, "studies": 0}  # fmt: skip
    for command, code in commands_and_codes.items():
        done = call(*command.split())
        assert done.exit_code == code, command
        assert "upgrade rung" in done.output, command
        assert not any(word in done.output for word in ("damage", "salvage", "corrupt")), command
    assert [info.name for info in storage.studies()] == ["a"]
    lease = storage.acquire("a", Owner("here", 1, 0.0))  # nobody holds it
    storage.release(lease)


def test_a_session_states_its_rung_and_its_format(storage, tmp_path):
    versions = rung.Study.load("a", storage=tmp_path).state.sessions[0].versions
    assert (versions["rung"], versions["schema"]) == (HERE, str(SCHEMA_VERSION))
