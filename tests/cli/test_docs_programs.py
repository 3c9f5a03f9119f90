"""The programs of docs/programs.md run, and print what the page says they print."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path

import pytest
from cli.commands import rung

from rung.cli.program import read_space

PAGE = Path(__file__).parents[2] / "docs" / "programs.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"^# (\w+\.(?:py|sh|toml))", re.MULTILINE)


def same(found: str, told: str) -> bool:
    """Whether two texts are equal but for the last digits of their numbers."""
    number = r"\d+\.\d+(?:e-?\d+)?"
    numbers = [float(text) for text in re.findall(number, found)]
    return re.sub(number, "", found) == re.sub(number, "", told) and numbers == pytest.approx(
        [float(text) for text in re.findall(number, told)], rel=1e-6
    )


@pytest.mark.slow
def test_the_page_holds(tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    runs = 0
    for language, text in BLOCK.findall(PAGE.read_text()):
        if name := NAME.search(text):
            (tmp_path / name[1]).write_text(text)
            (tmp_path / name[1]).chmod(0o755)
        if language == "console":
            command, told = text.split("\n", 1)
            done = rung(*shlex.split(command.removeprefix("$ rung")), cwd=tmp_path, PATH=path)
            assert done.returncode == 0, done.stderr
            assert same(done.stdout, told), done.stdout
            runs += 1
    assert runs == 2
    assert read_space(tmp_path / "layers.toml").names == ("layers", "units")
