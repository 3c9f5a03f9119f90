"""Files and arguments given to the command line: one message and an exit code, never a traceback of rung's."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from fuzz import corpus
from fuzz.limits import limited, some
from hypothesis import given

from rung.cli.main import commands

GOOD = "import rung\nspace = {'x': rung.Float(0, 1)}\nn_trials = 1\ndef objective(c): return 1.0\n"
FILES = [
    b"", b"\0", b"\xff\xfe", b"def", b"1/0", b"raise SystemExit(0)", b"raise GeneratorExit", b"space = 5\nobjective = 6",
    b"import sys\nsys.modules.pop(__name__)\n" + GOOD.encode(), b"globals()[5] = 1\n" + GOOD.encode(),
    b"def __getattr__(n): raise RuntimeError(n)\n", GOOD.encode() + b"name = 5\n", GOOD.encode() + b"storage = []\n",
    GOOD.encode() + b"timeout = object()\n", GOOD.encode() + b"objective = None\n", GOOD.encode() + b"initial_configs = 5\n",
    GOOD.encode() + b"metric = ['a']\n", GOOD.encode() + b"scheduler = 7\n", GOOD.encode() + b"keep_checkpoints = []\n",
]  # fmt: skip


def ends_well(*words):
    with limited():
        result = CliRunner().invoke(commands, [*words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in {0, 1, 2, 74}


@pytest.mark.parametrize("number", range(len(FILES)))
def test_files(tmp_path, monkeypatch, number):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "an odd.name.py").write_bytes(FILES[number])
    ends_well("run", "an odd.name.py", "--quiet")


def arguments(option, value):
    if "\0" not in value:
        ends_well("trials", value, option, value)


@pytest.mark.parametrize("many", [30, pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.parametrize("option", ["--storage", "--csv"])
def test_arguments(tmp_path, monkeypatch, option, many):
    monkeypatch.chdir(tmp_path)
    some(many)(given(corpus.names)(lambda value: arguments(option, value)))()
