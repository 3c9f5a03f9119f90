"""The live view: rendered to text, and in a real pseudo-terminal."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from rung.views.summary import Best, Failure, Running, Summary
from rung.views.terminal import render

CONFIG = {"learning_rate": 0.0123, "kind": "[red]a[/red]", "text": "\x1b[31mred"}
SUMMARY = Summary(
    name="soft[red]max",
    metric="validation_error",
    counts={"completed": 10, "failed": 2},
    n_trials=50,
    elapsed=201.0,
    timeout=7200.0,
    best=Best(7, 0.1988, {**CONFIG, "constant": 1}, CONFIG),
    running=tuple(Running(12 + i, 1, 3, 0.24, 12.0) for i in range(30)),
    failure=Failure(9, "RuntimeError: [bold]CUDA[/nonsense] \x1b[2J" + "out of memory " * 30),
    ended="",
)

SCRIPT = """
import logging, sys, time
import rung

def objective(config, trial):
    for epoch in range(1, 4):
        time.sleep(PAUSE)
        trial.report(epoch=epoch, validation_error=1 / epoch)
    if trial.number == 1:
        raise RuntimeError("[red]no luck")
    if trial.number == 2:
        print("[bold]printed[/nonsense]", flush=True)
        sys.stderr.write("no [/newline]"); sys.stderr.flush()
        logging.getLogger("rung").warning("a warning")

if __name__ == "__main__":
    logging.basicConfig(format="LOG %(message)s")
    study = rung.tune(objective, {"x": rung.Float(0, 1)}, metric="validation_error", n_trials=4, name="a [red]study")
    print("best", study.best_value)
"""


def drawn(summary: Summary, width: int, height: int = 30) -> list[str]:
    console = Console(
        file=io.StringIO(), width=width, height=height, markup=False, emoji=False, highlight=False
    )
    console.print(render(summary, width, height))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_shows_what_matters_and_obeys_no_markup() -> None:
    text = "\n".join(drawn(SUMMARY, 100))
    for part in (
        "soft[red]max",
        "12 of 50: 10 completed, 2 failed",
        "3 min 21 s of 2 h",
        "trial 7",
        "and 22 more",
    ):
        assert part in text
    assert r"kind=[red]a[/red] text=\x1b[31mred" in text
    assert r"RuntimeError: [bold]CUDA[/nonsense] \x1b[2Jout" in text
    assert "\x1b" not in text


@pytest.mark.parametrize("width", [1, 10, 40, 60, 200])
def test_no_line_wraps_on_any_width(width: int) -> None:
    lines = drawn(SUMMARY, width)
    assert len(lines) == 1 + 2 + 1 + 8 + 1 + 1
    assert max(map(len, lines)) <= width


def test_a_low_terminal_lists_fewer_running_trials() -> None:
    assert len(drawn(SUMMARY, 80, 10)) <= 10
    assert len(drawn(replace(SUMMARY, running=()), 80, 10)) == 5


class Terminal:
    """A pseudo-terminal with a process on it, and all that was written there."""

    def __init__(self, command: list[str], cwd: Path, columns: int = 100, **popen: int) -> None:
        self._master, self._slave = pty.openpty()
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
        self.settings = termios.tcgetattr(self._slave)
        env = {**os.environ, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"}
        streams = {"stdout": self._slave, **popen}
        self.process = subprocess.Popen(
            command, stdin=self._slave, stderr=self._slave, cwd=cwd, env=env, **streams
        )
        self.written = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        try:
            while chunk := os.read(self._master, 65536):
                self.written += chunk
        except OSError:
            pass

    def wait_for(self, text: str, seconds: float = 30.0) -> None:
        import time

        end = time.monotonic() + seconds
        while text.encode() not in self.written:
            assert time.monotonic() < end, self.written.decode(errors="replace")
            time.sleep(0.02)

    def finish(self) -> str:
        self.process.wait(30)
        assert termios.tcgetattr(self._slave) == self.settings
        os.close(self._slave)
        self._reader.join(5)
        os.close(self._master)
        return self.written.decode()


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "")


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT.replace("PAUSE", "0.15"))
    return path


def assert_restored(written: str) -> None:
    assert re.findall(r"\x1b\[\?25[lh]", written)[-1] == "\x1b[?25h"
    assert "\x1b[?1049h" not in written


def test_in_a_real_terminal(script: Path) -> None:
    script.write_text(SCRIPT.replace("PAUSE", "0.3"))
    terminal = Terminal([sys.executable, str(script)], script.parent)
    written = terminal.finish()
    text = plain(written)
    assert terminal.process.returncode == 0
    assert_restored(written)
    for part in (
        "a [red]study",
        "of 4:",
        "epoch 2  validation_error=0.5",
        "last: trial 1, RuntimeError: [red]no luck",
    ):
        assert part in text
    assert re.search(r"trial \d  epoch \d  validation_error=", text)
    assert "[bold]printed[/nonsense]\n" in text
    assert "no [/newline]\n" in text
    assert "LOG a warning\n" in text
    assert "a [red]study: done after" in text
    assert text.rstrip().endswith("best 0.3333333333333333")


def test_with_stdout_in_a_pipe_nothing_but_the_users_own_is_there(script: Path) -> None:
    terminal = Terminal([sys.executable, str(script)], script.parent, stdout=subprocess.PIPE)
    assert terminal.process.stdout is not None
    with terminal.process.stdout as stdout:
        said = stdout.read()
    written = terminal.finish()
    assert said == b"[bold]printed[/nonsense]\nbest 0.3333333333333333\n"
    assert "of 4:" in plain(written)
    assert_restored(written)


def test_ctrl_c_leaves_the_terminal_as_it_was(script: Path) -> None:
    script.write_text(SCRIPT.replace("PAUSE", "0.3"))
    terminal = Terminal([sys.executable, str(script)], script.parent, columns=40)
    terminal.wait_for("epoch ")
    terminal.process.send_signal(signal.SIGINT)
    written = terminal.finish()
    assert_restored(written)
    assert "LOG stopping: " in plain(written)
    assert "a [red]study: interrupted after" in plain(written)


def test_a_killed_study_leaves_the_cursor_visible(script: Path) -> None:
    terminal = Terminal([sys.executable, str(script)], script.parent)
    terminal.wait_for("epoch ")
    terminal.process.kill()
    assert_restored(terminal.finish())


def test_two_studies_at_once_share_the_terminal(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import rung, time\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "def objective(config):\n    time.sleep(0.1)\n    return 1.0\n"
        "def run(name):\n    rung.tune(objective, {'x': rung.Float(0, 1)}, n_trials=4, name=name, storage=':memory:')\n"
        "with ThreadPoolExecutor() as pool:\n    list(pool.map(run, ['one', 'two']))\n"
    )
    terminal = Terminal([sys.executable, str(script)], tmp_path)
    written = terminal.finish()
    assert terminal.process.returncode == 0
    assert_restored(written)
    assert plain(written).count("one: done after") == plain(written).count("two: done after") == 1
    assert plain(written).count("trial 3  completed") == 1
