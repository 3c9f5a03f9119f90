"""What the system refuses is one line and an exit code; what is written is written where it was meant to be."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import rung

MAIN = [sys.executable, "-c", "from rung.cli.main import main; main()"]


@pytest.fixture
def storage(tmp_path):
    root = tmp_path / "studies"
    rung.tune(
        lambda c: c["x"], {"x": rung.Float(0, 1)}, n_trials=200, name="s", storage=str(root), progress=False,
        searcher="random", durability="process",
    )  # fmt: skip
    return str(root)


def run(*words, **arguments):
    return subprocess.run(
        [*MAIN, *words], check=False, stderr=subprocess.PIPE, text=True, timeout=60, **arguments
    )


def test_a_full_disk_for_the_output_is_told_in_a_line(storage):
    for words in (["trials", "s"], ["best", "s", "--json"], ["export", "s"]):
        with Path("/dev/full").open("w") as full:
            done = run(*words, "--storage", storage, stdout=full)
        assert (done.returncode, done.stderr) == (74, "error: [Errno 28] No space left on device\n")


def test_a_reader_that_leaves_is_no_error(storage):
    reading, writing = os.pipe()
    os.close(reading)
    done = run("trials", "s", "--storage", storage, stdout=writing)
    os.close(writing)
    assert done.stderr == ""


def test_too_few_descriptors_are_told_in_a_line(tmp_path, storage):
    (tmp_path / "train.py").write_text(
        "import rung\nspace = {'x': rung.Float(0, 1)}\ndef objective(c): return c['x']\n"
    )
    done = run(
        "run", str(tmp_path / "train.py"), "--n-trials", "3", "--n-workers", "3", "--quiet", "--storage", storage,
        stdout=subprocess.DEVNULL, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (12, 12)),
    )  # fmt: skip
    assert done.returncode in {1, 74}
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert "Too many open files" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_export_follows_no_link_and_leaves_nothing_beside_it(tmp_path, storage):
    victim, out = tmp_path / "victim", tmp_path / "out"
    victim.write_text("precious")
    out.mkdir()
    (out / ".log.json.new").symlink_to(victim)
    (out / "log.json").symlink_to(victim)
    assert (
        run(
            "export", "s", "--storage", storage, "-o", str(out / "log.json"), stdout=subprocess.PIPE
        ).returncode
        == 0
    )
    assert victim.read_text() == "precious"
    assert (out / "log.json").read_text().startswith('{"id": "study"')
    assert not (out / "log.json").is_symlink()
    assert (out / "log.json").stat().st_mode & 0o777 == 0o666 & ~current_umask()
    assert {path.name for path in out.iterdir()} == {".log.json.new", "log.json"}


def current_umask():
    umask = os.umask(0)
    os.umask(umask)
    return umask


def test_an_export_that_fails_leaves_what_was_there(tmp_path, storage):
    (tmp_path / "log.json").mkdir()
    assert (
        run(
            "export",
            "s",
            "--storage",
            storage,
            "-o",
            str(tmp_path / "nowhere" / "log.json"),
            stdout=subprocess.PIPE,
        ).returncode
        == 74
    )
    (tmp_path / "kept.json").write_text("kept")
    done = run("export", "s", "--storage", storage, "-o", str(tmp_path / "kept.json"), stdout=subprocess.DEVNULL,
               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000)))  # fmt: skip
    assert (done.returncode, done.stderr) == (
        74,
        f"error: {tmp_path / 'kept.json'} can't be written: File too large\n",
    )
    assert (tmp_path / "kept.json").read_text() == "kept"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.json", "log.json", "studies"]


def test_an_export_may_go_to_a_device(storage):
    done = run("export", "s", "--storage", storage, "-o", "/proc/self/fd/1", stdout=subprocess.PIPE)
    assert done.returncode == 0
    assert done.stdout.startswith('{"id": "study"')
