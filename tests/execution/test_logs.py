"""What each attempt printed, kept in bounded files."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import rung
from rung.cli.main import commands
from rung.objectives import guard

SPACE = {"x": rung.Float(0, 1)}


def tune(objective, folder, **arguments):
    arguments = {"n_trials": 4, "n_workers": 2, "searcher": "random", "name": "s", **arguments}
    return rung.tune(objective, SPACE, metric="y", progress=False, storage=str(folder), **arguments)


def text(folder: Path, name: str) -> str:
    return next(folder.glob(f"s-*/logs/{name}.log")).read_text()


def rung_(*arguments):
    return CliRunner().invoke(commands, arguments)


def talkative(config, trial):
    print(f"trial {trial.number} attempt {trial.attempt}")
    os.write(2, b"to stderr\n")
    subprocess.run(["echo", "from a child"], check=True)
    if trial.number == 1 and trial.attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return 1.0


def test_each_attempt_has_a_log_of_its_own(tmp_path):
    tune(talkative, tmp_path)
    for trial, attempt in [(0, 1), (1, 1), (1, 2), (2, 1), (3, 1)]:
        expected = f"trial {trial} attempt {attempt}\nto stderr\nfrom a child\n"
        assert text(tmp_path, f"t{trial}-a{attempt}") == expected
    shown = rung_("logs", "1", "--storage", str(tmp_path))
    assert shown.output == "trial 1 attempt 2\nto stderr\nfrom a child\n"
    assert "attempt 1\n" in rung_("logs", "1", "s", "--attempt", "1", "--storage", str(tmp_path)).output


def endless(config, trial):
    for number in range(100_000):
        print(f"line {number} of {trial.number}")
    return 1.0


def test_a_log_keeps_its_beginning_and_its_end_within_bounds(tmp_path):
    tune(endless, tmp_path, n_trials=2)
    for trial in range(2):
        kept = text(tmp_path, f"t{trial}-a1")
        assert len(kept) <= guard.LIMIT + 100
        assert kept.startswith(f"line 0 of {trial}\nline 1 of {trial}\n")
        assert kept.endswith(f"line 99999 of {trial}\n")
        (left_out,) = map(int, re.findall(r"\n\.\.\. (\d+) bytes are left out here \.\.\.\n", kept))
        note = len(f"\n... {left_out} bytes are left out here ...\n")
        assert left_out + len(kept) - note == sum(len(f"line {n} of {trial}\n") for n in range(100_000))


def hostile(config, trial):
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, b"../../outside")
        except OSError:
            continue
    print("still here")
    return 1.0


def test_an_objective_that_writes_everywhere_names_no_file_outside(tmp_path):
    tune(hostile, tmp_path, retries=0, n_trials=3, max_failures=100)
    assert not list(tmp_path.rglob("outside*"))


def silent(config):
    return 1.0


@pytest.fixture(scope="module")
def silence(tmp_path_factory):
    """The storage of a study whose trials print nothing."""
    folder = tmp_path_factory.mktemp("silence")
    tune(silent, folder)
    return folder


def test_who_prints_nothing_leaves_no_file(silence):
    assert not list(silence.glob("s-*/logs/t*"))
    said = rung_("logs", "0", "--storage", str(silence))
    assert (said.exit_code, said.stderr) == (0, "trial 0 of study 's' printed nothing\n")


def test_an_inline_trial_printed_where_tune_was_called(tmp_path):
    tune(silent, tmp_path, n_workers=1)
    said = rung_("logs", "0", "--storage", str(tmp_path))
    assert said.exit_code == 0
    assert "it ran in the process that called tune, and printed there" in said.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("logs", "9"), "error: study 's' has no trial 9; its trials are 0 to 3\n"),
        (("logs", "0", "--attempt", "3"), "error: trial 0 has attempts 1 to 1, and none 3\n"),
        (("trial", "-1"), "No such option"),
        (("trial", "4"), "error: study 's' has no trial 4"),
    ],
)
def test_what_is_not_there_is_told(silence, arguments, message):
    said = rung_(*arguments, "--storage", str(silence))
    assert said.exit_code in {1, 2}
    assert message in said.stderr


def failing(config, trial):
    for epoch in trial.epochs():
        trial.report(epoch=epoch, y=0.5)
    if trial.number == 2:
        raise ValueError("\x1b[31mno luck")
    return 1.0


def test_a_trial_is_shown_with_its_traceback(tmp_path):
    tune(failing, tmp_path, max_resource=20)
    shown = rung_("trial", "2", "--storage", str(tmp_path)).output
    assert "status   failed: ValueError: \\x1b[31mno luck" in shown
    assert "attempt  1: failed after " in shown
    assert "report   epoch 1: y = 0.5" in shown
    assert "... 10 more" in shown
    assert "epoch 20: y = 0.5" in shown
    assert 'raise ValueError("\\x1b[31mno luck")' in shown
    assert "\x1b" not in shown
    as_json = rung_("trial", "2", "--json", "--storage", str(tmp_path)).output
    assert '"traceback": "Traceback' in as_json


def test_a_log_on_a_terminal_is_followed_and_tamed(tmp_path):
    tune(talkative, tmp_path)
    path = next(tmp_path.glob("s-*/logs/t0-a1.log"))
    path.write_bytes(b"10%\r100% \x1b[2Jdone\n\xff\n")
    script = "import pty, sys; pty.spawn([sys.executable, '-m', 'rung', *sys.argv[1:]])"
    command = [sys.executable, "-c", script, "logs", "0", "-f", "--storage", str(tmp_path)]
    shown = subprocess.run(
        command, check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=60
    ).stdout
    assert b"100% \\x1b[2Jdone" in shown
    assert b"10%\r1" not in shown
