"""Studies that a stranger made: looked at, they give a right answer or one error, and nothing else happens."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys

import pytest
from click.testing import CliRunner
from fuzz import corpus
from fuzz.limits import limited, some
from hypothesis import given
from hypothesis import strategies as st

import rung
from rung.cli.main import commands
from rung.errors import Error, StorageError
from rung.storage._rows import crc_of
from rung.storage.sqlite import _INSERT, SqliteStorage
from rung.study.events import KINDS
from rung.study.state import StudyState

SPACE = {"x": rung.Float(0, 1), "k": rung.Categorical(["a", "b"])}
LOOKS = [
    ["status"],
    ["status", "--json"],
    ["best"],
    ["trials"],
    ["trials", "--csv"],
    ["trials", "--json"],
    ["studies"],
]


def make(root, name="s"):
    study = rung.tune(
        lambda c, t: [t.report(epoch=e, y=c["x"]) for e in (1, 2)] and {"y": c["x"], "z": 1.0}, SPACE, metric="y",
        n_trials=3, max_resource=2, seed=0, name=name, storage=str(root), progress=False, report_only=["z"],
        durability="process", searcher="random", scheduler="median",
    )  # fmt: skip
    return next(root.glob("*/study.db")), study


def rows_of(path):
    db = sqlite3.connect(path)
    try:
        return db.execute("SELECT seq, id, epoch, t, kind, body FROM event ORDER BY seq").fetchall()
    finally:
        db.close()


def write(path, rows):
    """Rows as rung itself would have stored them: in order, with good checksums."""
    db = sqlite3.connect(path)
    triggers = db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        db.execute(f"DROP TRIGGER {name}")
    db.execute("DELETE FROM event")
    for seq, (_, event_id, epoch, t, kind, body) in enumerate(rows, 1):
        db.execute(
            _INSERT, (seq, event_id, epoch, t, kind, body, crc_of(seq, event_id, epoch, float(t), kind, body))
        )
    for _, sql in triggers:
        db.execute(sql)
    db.commit()
    db.close()


def look(root, name="s"):
    """All that only looks, from Python and from the command line."""
    with limited():
        try:
            study = rung.Study.load(name, storage=str(root))
        except Error:
            pass
        else:
            for act in (lambda: study.best_config, lambda: study.front, study.explain, study.__repr__,
                        study.state.digest, study.to_dataframe):  # fmt: skip
                try:
                    act()
                except Error:
                    continue
        for words in LOOKS:
            result = CliRunner().invoke(commands, [*words, "--storage", str(root)])
            assert result.exception is None or isinstance(result.exception, SystemExit), (
                words,
                result.exception,
            )
            assert result.exit_code in {0, 1, 2, 74}, (words, result.output)
            assert "Traceback" not in result.output
            assert_plain(result.output)


def assert_plain(text):
    assert not [c for c in text if not c.isprintable() and c != "\n"]


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    root = tmp_path_factory.mktemp("strangers")
    path, _ = make(root)
    return root, path, rows_of(path)


# ---- rows with good checksums and absurd content

FIELDS = ["trial", "attempt", "number", "resource", "metrics", "outcome", "verdict", "config", "origin", "parent",
          "target", "plan", "owner", "wall", "epoch", "versions", "space", "goals", "seed", "schema", "reason",
          "traceback", "checkpoint", "worker", "pid", "guard", "started", "boot", "backend", "identity"]  # fmt: skip
absurd = st.one_of(
    corpus.json,
    st.sampled_from(
        [-1, 0, 1, 2, 99, 2**63, 10**400, "completed", "failed", "paused", "NaN", "inf", 1e300, -1e300]
    ),
)
changes = st.lists(
    st.one_of(
        st.tuples(st.just("field"), st.integers(0, 30), st.sampled_from(FIELDS), absurd),
        st.tuples(st.just("drop"), st.integers(0, 30)),
        st.tuples(st.just("double"), st.integers(0, 30)),
        st.tuples(st.just("swap"), st.integers(0, 30), st.integers(0, 30)),
        st.tuples(st.just("t"), st.integers(0, 30), st.floats(allow_nan=False)),
        st.tuples(st.just("kind"), st.integers(0, 30), st.sampled_from([*KINDS, "Nope", "", "__class__"])),
        st.tuples(st.just("body"), st.integers(0, 30), st.sampled_from(["", "[]", "5", "{", "null", "[" * 990, "NaN", "[" * 100_000])),
        st.tuples(st.just("id"), st.integers(0, 30), corpus.names.filter(lambda s: s.isascii())),
        st.tuples(st.just("inner"), st.integers(0, 30), st.sampled_from(FIELDS), corpus.names, absurd),
    ),
    min_size=1, max_size=3,
)  # fmt: skip


def changed(rows, steps):
    rows = [list(row) for row in rows]
    for n, (what, at, *rest) in enumerate(steps):
        i = at % max(1, len(rows))
        if not rows:
            break
        match what:
            case "field" | "inner":
                body = json.loads(rows[i][5]) if rows[i][5].startswith("{") and rows[i][5] != "{" else {}
                if what == "field":
                    body[rest[0]] = rest[1]
                elif isinstance(body.get(rest[0]), dict):
                    body[rest[0]][rest[1]] = rest[2]
                try:
                    rows[i][5] = json.dumps(body)
                except ValueError:  # more digits than Python writes
                    continue
            case "drop":
                del rows[i]
            case "double":
                rows.insert(i, [*rows[i][:1], f"{rows[i][1]}+{n}", *rows[i][2:]])
            case "swap":
                j = rest[0] % len(rows)
                rows[i], rows[j] = rows[j], rows[i]
            case "t":
                rows[i][3] = rest[0]
            case "kind":
                rows[i][4] = rest[0]
            case "body":
                rows[i][5] = rest[0]
            case "id":
                rows[i][1] = f"{rest[0]}{n}"
    return rows


def absurd_log(stored, steps):
    root, path, rows = stored
    try:
        write(path, changed(rows, steps))
    except sqlite3.IntegrityError:  # an id twice: no database holds that
        return
    try:
        state = StudyState.replay(SqliteStorage(root).read("s"))
    except Error:
        state = None
    if state is not None:
        assert [t.number for t in state.trials] == list(range(len(state.trials)))
        assert set(state.open) == {t.number for t in state.trials if t.status == "running"}
    look(root)


@pytest.mark.parametrize("many", [40, pytest.param(150, marks=pytest.mark.slow)])
def test_absurd_logs(stored, many):
    some(many)(given(changes)(lambda steps: absurd_log(stored, steps)))()


# ---- databases that are programs

ENDLESS = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c)"
CRAFTED = {
    "view": "DROP TABLE event; CREATE VIEW event AS SELECT 1 AS seq, 'study' AS id, 0 AS epoch, 0.0 AS t, "
            "'StudyCreated' AS kind, '{}' AS body, 0 AS crc",
    "endless view": f"DROP TABLE event; CREATE VIEW event AS {ENDLESS} SELECT count(*) AS seq, 'a' AS id, 0 AS epoch, "
                    "0.0 AS t, 'x' AS kind, '{}' AS body, 0 AS crc FROM c",
    "endless meta": f"DROP TABLE meta; CREATE VIEW meta AS {ENDLESS} SELECT 'name' AS key, max(n) AS value FROM c",
    "trigger": f"CREATE TRIGGER t AFTER INSERT ON event BEGIN INSERT INTO meta {ENDLESS} SELECT 'x' || n, n FROM c; END",
    "update trigger": f"CREATE TRIGGER t BEFORE UPDATE ON meta BEGIN DELETE FROM meta WHERE ({ENDLESS} SELECT max(n) FROM c); END",
    "generated": "DROP TABLE event; CREATE TABLE event (seq INTEGER PRIMARY KEY, id TEXT, epoch, t, kind, crc, "
                 "body AS (hex(zeroblob(400000000))))",
    "virtual": "DROP TABLE event; CREATE VIRTUAL TABLE event USING fts5(seq, id, epoch, t, kind, body, crc)",
    "no table": "DROP TABLE event",
    "no meta": "DROP TABLE meta",
    "loose types": "DROP TABLE event; CREATE TABLE event (seq, id, epoch, t, kind, body, crc); "
                   "INSERT INTO event VALUES (1, x'00', 'a', x'ff', 5, zeroblob(100), 'crc')",
    "name": "UPDATE meta SET value = '../../x' WHERE key = 'name'",
    "name with escapes": "UPDATE meta SET value = char(27) || '[2J' WHERE key = 'name'",
    "huge name": "UPDATE meta SET value = replace(hex(zeroblob(20000000)), '0', 'x') WHERE key = 'name'",
    "epoch": "UPDATE meta SET value = 'x' WHERE key = 'epoch'",
    "huge body": "DROP TRIGGER event_is_never_changed; UPDATE event SET body = hex(zeroblob(20000000)) WHERE seq = 1",
    "extra": "CREATE TABLE x(y); CREATE INDEX i ON event (body)",
}  # fmt: skip


@pytest.mark.parametrize("how", CRAFTED)
def test_crafted_databases(tmp_path, how):
    path, _ = make(tmp_path)
    db = sqlite3.connect(path)
    db.executescript(CRAFTED[how])
    db.close()
    look(tmp_path)
    with limited():
        for act in (lambda: rung.Study.load("s", storage=str(tmp_path)).final_report(),
                    lambda: rung.Study(SPACE, metric="y", report_only=["z"], max_resource=2, name="s", storage=str(tmp_path)).ask()):  # fmt: skip
            try:
                act()
            except Error:
                continue


@pytest.mark.parametrize("content", [b"", b"x", b"SQLite format 3\0" + b"\xff" * 5000, b"\0" * 4096])
def test_files_that_are_no_databases(tmp_path, content):
    path, _ = make(tmp_path)
    path.write_bytes(content)
    look(tmp_path)


# ---- nothing else happens

AUDIT = """
import os, sys
root, seen = sys.argv[1], []
from click.testing import CliRunner
import rung, rung.views.summary, rung.analysis.frame, scipy.stats, pandas
from rung.cli.main import commands
FORBIDDEN = {"pickle.find_class", "exec", "compile", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn",
             "socket.connect", "socket.bind", "ctypes.dlopen", "os.fork", "os.remove", "os.rename", "os.rmdir",
             "os.mkdir", "os.symlink", "os.link", "os.chmod", "shutil.rmtree", "import"}
def hook(event, args):
    if event in FORBIDDEN:
        if event in {"exec", "compile", "import"} and not foreign(event, args):
            return
        seen.append((event, str(args)[:200]))
    if event == "open" and writes(*args) and not str(args[0]).startswith(root):
        seen.append((event, str(args)[:200]))
def writes(path, mode, flags):
    # A number is a descriptor that was opened, and seen, before.
    return not isinstance(path, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) or set(mode or "") & set("wax+"))
def foreign(event, args):
    text = str(args)
    return root in text or "EVIL" in text
for words in (["status"], ["best"], ["trials"], ["studies"]):  # what is imported late is imported now
    CliRunner().invoke(commands, [*words, "--storage", root + "/good"])
sys.addaudithook(hook)
for words in (["status"], ["status", "--json"], ["best"], ["trials", "--csv"], ["trials", "--json"], ["studies"], ["report"]):
    CliRunner().invoke(commands, [*words, "--storage", root + "/bad"])
try:
    study = rung.Study.load("s", storage=root + "/bad")
    study.to_dataframe(), study.explain(), study.state.digest()
except rung.Error:
    pass
print(seen)
"""
PICKLE = "cos\\nsystem\\n(S'touch EVIL'\\ntR."
EVIL = [
    [("inner", 1, "plan", "file", "EVIL.py"), ("inner", 1, "plan", "objective", "__import__('os').system('touch EVIL')")],
    [("inner", 1, "plan", "searcher", {"name": PICKLE, "py/object": "os.system"})],
    [("inner", 0, "space", "domains", [["x", {"type": "scipy.stats", "name": "EVIL", "args": [PICKLE], "kwds": {}}]])],
    [("inner", 0, "space", "domains", [["x", {"type": "constant", "value": PICKLE}], ["k", {"type": "constant", "value": 1}]])],
    [("field", 3, "reason", "'; ATTACH 'EVIL.db' AS e; --"), ("field", 3, "traceback", PICKLE)],
]  # fmt: skip


@pytest.mark.parametrize("steps", range(len(EVIL)))
@pytest.mark.slow
def test_looking_runs_nothing_and_writes_nothing_elsewhere(tmp_path, steps):
    make(tmp_path / "good")
    path, _ = make(tmp_path / "bad")
    write(path, changed(rows_of(path), EVIL[steps]))
    out = subprocess.run(
        [sys.executable, "-c", AUDIT, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        cwd=tmp_path,
    )
    assert out.stdout == "[]\n"
    assert {p.name for p in tmp_path.iterdir()} == {"good", "bad"}


# ---- links


@pytest.mark.parametrize(
    "what", ["study.lock", "study.db", "trials", "workers", "trials/0", "trials/0/checkpoint", "."]
)
def test_nothing_is_written_through_a_link(tmp_path, what):
    root, outside = tmp_path / "studies", tmp_path / "outside"
    path, _ = make(root)
    folder = path.parent
    outside.mkdir()
    (outside / "precious").write_text("precious")
    target = outside / "precious" if what.startswith("study.") else outside
    if what == ".":
        folder.rename(outside / "moved")
        folder.symlink_to(outside / "moved")
    else:
        (folder / what).unlink(missing_ok=True) if not (folder / what).is_dir() else None
        (folder / what).parent.mkdir(parents=True, exist_ok=True)
        (folder / what).symlink_to(target)
    before = sorted((p, p.read_bytes()) for p in outside.rglob("*") if p.is_file())
    with pytest.raises(StorageError):
        rung.Study(SPACE, metric="y", report_only=["z"], max_resource=2, name="s", storage=str(root)).ask()
    assert sorted((p, p.read_bytes()) for p in outside.rglob("*") if p.is_file()) == before
    with pytest.raises(StorageError):
        rung.Study.load("s", storage=str(root)).final_report()
    assert sorted((p, p.read_bytes()) for p in outside.rglob("*") if p.is_file()) == before


def test_links_that_rung_itself_makes_keep_nobody_out(tmp_path):
    path, _ = make(tmp_path)
    home = path.parent / "trials" / "0"
    (home / "epoch-1-a").mkdir(parents=True)
    for name in ["checkpoint", ".epoch-1-a.link"]:  # a kill leaves the second before it replaces the first
        (home / name).symlink_to("epoch-1-a", target_is_directory=True)
    study = rung.Study(SPACE, metric="y", report_only=["z"], max_resource=2, name="s", storage=str(tmp_path))
    assert study.ask().number >= 0


@pytest.mark.parametrize("name", ["study.db", "study.lock"])
def test_a_pipe_in_the_place_of_a_file_hangs_nobody(tmp_path, name):
    path, _ = make(tmp_path)
    path.with_name(name).unlink()
    os.mkfifo(path.with_name(name))
    look(tmp_path)


def test_a_study_file_is_never_the_program(tmp_path):
    path, _ = make(tmp_path)
    evil = path.with_name("evil.py")
    evil.write_text("raise SystemExit('ran')\n")
    write(path, changed(rows_of(path), [("inner", 1, "plan", "file", str(evil))]))
    result = CliRunner().invoke(commands, ["resume", "s", "--storage", str(tmp_path)])
    assert result.exit_code == 2
    assert "whose files are never run" in result.output


def test_a_damaged_study_does_not_hide_the_others(tmp_path):
    path, _ = make(tmp_path)
    write(path, rows_of(path)[1:])
    make(tmp_path, "fine")
    result = CliRunner().invoke(commands, ["studies", "--storage", str(tmp_path)])
    assert "damaged" in result.output
    assert "fine" in result.output
