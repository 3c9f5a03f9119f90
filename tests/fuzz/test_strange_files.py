"""What a stranger may put in the place of a study's files, and studies that belong to other users."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys

import pytest
from click.testing import CliRunner
from fuzz.test_strangers import SPACE, make, rows_of, write

import rung
from rung.cli.main import commands
from rung.errors import StorageError, StudyError
from rung.storage import Owner
from rung.storage.sqlite import SqliteStorage

COMMANDS = [
    ["studies"],
    ["status"],
    ["status", "s"],
    ["best", "fine"],
    ["trials", "s"],
    ["logs", "0", "s"],
    ["doctor"],
    ["export", "s"],
]
RUN = """
import json, os, sys
from pathlib import Path
from click.testing import CliRunner
from rung.cli.main import commands
said = []
for words in json.loads(sys.argv[2]):
    result = CliRunner().invoke(commands, [*words, "--storage", sys.argv[1]])
    assert result.exception is None or isinstance(result.exception, SystemExit), (words, result.exception)
    said.append([words[0], result.exit_code, result.output])
# Not ru_maxrss, which begins with what the process held that started this one.
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(json.dumps([said, int(peak.split()[1]) * 1024]))
"""


def run_all(root, commands=COMMANDS):
    """What the commands said, their exit codes, and the most memory they held; in a process, since one may hang."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(root), json.dumps(commands)], check=False, capture_output=True, text=True, timeout=60
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said, memory = json.loads(done.stdout)
    return {words: (code, output) for words, code, output in said}, memory


NAMES = [
    "study.db-journal",
    "study.db-wal",
    "study.db-shm",
    "study.db",
    "study.snapshot",
    "study.lock",
    "logs/t0-a1.log",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_pipe_in_one_study_hangs_no_command(tmp_path, name):
    path, _ = make(tmp_path)
    make(tmp_path, "fine")
    odd = path.parent / name
    odd.parent.mkdir(exist_ok=True)
    odd.unlink(missing_ok=True)
    os.mkfifo(odd)
    said, _ = run_all(tmp_path)
    assert said["best"][0] == 0
    assert "fine" in said["studies"][1]


@pytest.mark.parametrize("what", ["the file", "its folder", "something endless"])
def test_logs_shows_files_of_the_study_only(tmp_path, what):
    path, _ = make(tmp_path / "studies")
    outside, logs = tmp_path / "outside", path.parent / "logs"
    outside.mkdir()
    (outside / "t0-a1.log").write_text("secret")
    if what == "its folder":
        logs.symlink_to(outside)
    else:
        logs.mkdir()
        (logs / "t0-a1.log").symlink_to(outside / "t0-a1.log" if what == "the file" else "/dev/zero")
    said, memory = run_all(tmp_path / "studies", [["logs", "0", "s"]])
    assert said["logs"][0] == 74
    assert "is not shown" in said["logs"][1]
    assert "secret" not in said["logs"][1]
    assert memory < 400e6


def test_of_a_log_without_end_the_beginning_is_shown(tmp_path):
    path, _ = make(tmp_path)
    (path.parent / "logs").mkdir()
    with (path.parent / "logs" / "t0-a1.log").open("wb") as file:
        file.write(b"printed\n")
        file.truncate(10**9)
    said, memory = run_all(tmp_path, [["logs", "0", "s"]])
    assert said["logs"][1].startswith("printed\n")
    assert memory < 400e6


def test_a_snapshot_of_holes_costs_no_memory(tmp_path):
    path, _ = make(tmp_path)
    with path.with_name("study.snapshot").open("wb") as file:
        file.write(struct.pack("<4sIQ", b"rung", 0, 2**32 - 100))
        file.truncate(2**32)
    said, memory = run_all(tmp_path, [["status", "s"], ["best", "s"], ["trials", "s"]])
    assert [code for code, _ in said.values()] == [0, 0, 0]
    assert memory < 400e6


def test_a_journal_that_names_a_file_elsewhere_deletes_nothing(tmp_path):
    """SQLite would roll it back, and delete the file, if it is not one of a set of databases."""
    path, _ = make(tmp_path)
    victim = tmp_path / "precious"
    victim.write_text("precious")
    magic, name = bytes.fromhex("d9d505f920a163d7"), str(victim).encode()
    head = (magic + struct.pack(">IIIII", 0, 1, path.stat().st_size // 4096, 512, 4096)).ljust(512, b"\0")
    path.with_name("study.db-journal").write_bytes(
        head + name + struct.pack(">II", len(name), sum(name)) + magic
    )
    with pytest.raises(StorageError, match=r"study\.db-journal is no file of rung's"):
        SqliteStorage(tmp_path).acquire("s", Owner("here", os.getpid(), 0.0))
    with pytest.raises(StorageError, match=r"study\.db-journal is no file of rung's"):
        rung.Study.load("s", storage=str(tmp_path))
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("field", ["plan", "owner", "versions"])
@pytest.mark.parametrize("depth", [300, 900])
def test_what_is_nested_too_deeply_is_damage(tmp_path, depth, field):
    path, _ = make(tmp_path)
    rows = rows_of(path)
    deep = '{"a":' * depth + "1" + "}" * depth
    index = next(i for i, row in enumerate(rows) if row[4] == "SessionStarted")
    body = json.loads(rows[index][5])
    body[field] = "HERE"
    rows[index] = (*rows[index][:5], json.dumps(body).replace('"HERE"', deep))
    write(path, rows)
    path.with_name("study.snapshot").unlink(missing_ok=True)
    said, _ = run_all(tmp_path)
    assert said["export"][0] == 74
    assert "can't be read" in said["export"][1]


def test_a_hundred_conditions_are_not_too_deep(tmp_path):
    condition = rung.param("a") >= 0
    for i in range(99):
        condition &= rung.param("a") <= 10 + i
    study = rung.Study(
        {"a": rung.Int(0, 9), "b": rung.Float(0, 1).when(condition)}, name="s", storage=str(tmp_path)
    )
    study.ask()
    study.close()
    said, _ = run_all(tmp_path, [["export", "s"], ["status", "s"]])
    assert [code for code, _ in said.values()] == [0, 0]


# ---- another user's


@pytest.fixture
def anothers(tmp_path):
    """A study, with a checkpoint, in a folder that another user made."""
    if os.getuid() != 0:
        pytest.skip("only root gives files away")
    path, _ = make(tmp_path)
    saved = path.parent / "trials" / "3" / "epoch-1-a"
    saved.mkdir(parents=True)
    (saved.parent / "checkpoint").symlink_to("epoch-1-a")
    for each in (path.parent, *path.parent.rglob("*")):
        os.chown(each, 65534, 65534, follow_symlinks=False)
    return path.parent


def go_on(root):
    return rung.tune(
        lambda c, t: {"y": c["x"], "z": 1.0}, SPACE, metric="y", n_trials=5, max_resource=2, name="s", storage=str(root),
        progress=False, report_only=["z"],
    )  # fmt: skip


def test_nobody_goes_on_with_the_study_of_another_user_unasked(anothers, monkeypatch):
    with pytest.raises(
        StudyError, match=rf"{anothers} belongs to user \w+, not to you, .* set RUNG_TRUST={anothers} "
    ):
        go_on(anothers.parent)
    with pytest.raises(StudyError, match="belongs to user"):
        rung.Study(
            SPACE, metric="y", report_only=["z"], max_resource=2, name="s", storage=str(anothers.parent)
        ).ask()
    assert len(rung.Study.load("s", storage=str(anothers.parent)).trials) == 3  # to look is safe
    monkeypatch.setenv("RUNG_TRUST", "/nowhere")
    with pytest.raises(StudyError, match="belongs to user"):
        go_on(anothers.parent)


@pytest.mark.parametrize("which", ["the study", "the storage"])
def test_unless_asked_to(anothers, monkeypatch, which):
    monkeypatch.setenv("RUNG_TRUST", f"/nowhere:{anothers if which == 'the study' else anothers.parent}")
    assert go_on(anothers.parent).state.counts["completed"] == 5


def test_what_is_roots_is_gone_on_with(tmp_path):
    make(tmp_path)
    assert go_on(tmp_path).state.counts["completed"] == 5


def test_another_users_study_can_be_deleted(anothers):
    result = CliRunner().invoke(commands, ["delete", "s", "--yes", "--storage", str(anothers.parent)])
    assert result.exit_code == 0, result.output
    assert not anothers.exists()
