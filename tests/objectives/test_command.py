"""Programs as objectives: real processes, most of them Python that knows nothing of rung (`python -I`)."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import textwrap
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import psutil
import pytest

import rung
from rung.errors import MetricError, ObjectiveError
from rung.execution.base import AttemptId, End, Job, Report
from rung.objectives.attempt import run_attempt
from rung.objectives.checkpoints import FolderStore
from rung.objectives.function import Objective, fingerprint
from rung.space import Space
from rung.study.events import Outcome, Verdict
from rung.study.metrics import Goals

LINUX = sys.platform == "linux"


def script(folder: Path, text: str) -> list[str]:
    """The words that run `text`, isolated from everything that rung's own Python has."""
    path = folder / "program.py"
    path.write_text("import json, os, signal, sys, time\n" + textwrap.dedent(text))
    return [sys.executable, "-I", str(path)]


class Attempt:
    """One run of a command, with what it reported and printed."""

    def __init__(
        self, command: rung.Command, space=None, *, stop_at=None, verdict=Verdict.STOP, folder=None, metrics="y",
        config=None, **job,
    ):  # fmt: skip
        space = Space.of(space or {"x": 0.5})
        config = config or next(iter(space.configs()))
        self.reports: list[Report] = []

        def send(report: Report) -> Verdict:
            self.reports.append(report)
            return verdict if report.resource == stop_at else Verdict.CONTINUE

        objective = Objective.of(command, space, Goals.of(metrics), 3)
        out, err = io.StringIO(), io.StringIO()
        job = {"max_resource": 3, "seed": 7} | job
        with redirect_stdout(out), redirect_stderr(err):
            self.end: End = run_attempt(
                objective, Job(AttemptId(4, 2), config, **job), send, folder and FolderStore(folder)
            )
        self.stdout, self.stderr = out.getvalue(), err.getvalue()

    @property
    def told(self) -> list[tuple[int, dict[str, float]]]:
        return [(report.resource, dict(report.metrics)) for report in self.reports]


def gone(pid: int, within: float = 10.0) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


# ---- arguments


HOSTILE = [
    "; touch pwned", "$(touch pwned)", "`touch pwned`", "a b", "it's \"quoted\"", "", "-n", "--flag=x",
    "two\nlines", "tab\t", "ünïcode ☃ \U0001f600", "{x0}", "*", "~", "\\", "%s", "$HOME", "| cat", "\x1b[31m",
]  # fmt: skip


def test_hostile_values_stay_single_arguments(tmp_path):
    space = {f"x{i}": rung.Categorical([value]) for i, value in enumerate(HOSTILE)}
    words = [word for name in space for word in (f"{{{name}}}", f"--{name}=<{{{name}}}>")]
    seen = "open('seen.json', 'w').write(json.dumps([sys.argv[1:], os.environ['RUNG_CONFIG']]))"
    command = rung.Command(
        [*script(tmp_path, f"{seen}; print('{{\"y\": 1}}')"), *words, "{config}"], cwd=tmp_path
    )
    assert Attempt(command, space).end.metrics["y"] == 1.0
    *arguments, config = json.loads((tmp_path / "seen.json").read_text())[0]
    assert arguments == [word for i, v in enumerate(HOSTILE) for word in (v, f"--x{i}=<{v}>")]
    expected = {f"x{i}": value for i, value in enumerate(HOSTILE)}
    assert json.loads(config) == expected
    assert json.loads(json.loads((tmp_path / "seen.json").read_text())[1]) == expected
    assert not (tmp_path / "pwned").exists()


def test_values_and_placeholders_as_text(tmp_path):
    space = {"f": 1e-05, "i": 16, "b": True, "n": None, "t": rung.Categorical([("a", 2)]), "seed": 99}
    own = ["max_resource", "start_resource", "target_resource", "trial", "attempt", "checkpoint_dir"]
    names = [*space, *own]
    code = "open('seen.json', 'w').write(json.dumps(sys.argv[1:])); print('{\"y\": 1}')"
    command = rung.Command([*script(tmp_path, code), *(f"{{{name}}}" for name in names)], cwd=tmp_path)
    Attempt(command, space, folder=tmp_path / "trials", target_resource=2)
    *texts, checkpoints = json.loads((tmp_path / "seen.json").read_text())
    assert texts == ["1e-05", "16", "true", "null", '["a", 2]', "99", "3", "0", "2", "4", "2"]
    assert Path(checkpoints).is_dir()
    assert Path(checkpoints).is_relative_to(tmp_path / "trials" / "4")


def test_the_text_is_split_once_and_braces_are_escaped(tmp_path):
    (tmp_path / "a b.sh").write_text('#!/bin/sh\nprintf "%s\\n" "$@" > seen\necho \'{"y": 1}\'\n')
    (tmp_path / "a b.sh").chmod(0o755)
    command = rung.Command("""'./a b.sh' "two words" '{{"lr": {x}}}' $HOME > out""", cwd=tmp_path)
    assert Attempt(command).end.outcome == Outcome.COMPLETED
    assert (tmp_path / "seen").read_text().splitlines() == ["two words", '{"lr": 0.5}', "$HOME", ">", "out"]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("", "the command is empty"),
        ("python 'train.py", "No closing quotation; close the quotes"),
        ("python {x", "'{x' in the command: a single {; placeholders are {name}, for the character itself write {{"),
        ("python x}", "a single }"),
        ("sh {y}", "the command has {y}, which does not exist; there are: x, units, layers, config, max_resource, "),
        ("sh {}", "the command has {}, which does not exist"),
        ("sh {x:.3f}", "the command has {x:.3f}, which does not exist"),
        ("sh {max_resource}", "the command has {max_resource}: give max_resource"),
        ("sh {target_resource}", "the command has {target_resource}: give max_resource"),
        ("no-such-program {x}", "there is no program 'no-such-program'"),
        ("LR=3 sh", "there is no program 'LR=3'; name one on the PATH, or the path of an executable file (no shell"),
        ("./absent.sh", "there is no program './absent.sh'"),
        ("sh {units}", "'{units}' in the command: 'units' is not in every configuration"),
        ("sh -- {units}", "write --flag {units} or --flag={units}, or give the program {config}"),
        ("sh --units={x},{units}", "'--units={x},{units}' in the command: 'units' is not in every"),
        ("sh --a=3 {units}", "'{units}' in the command"),
        ("sh -1 {units}", "'{units}' in the command"),
    ],
)  # fmt: skip
def test_what_can_not_work_is_told_before_the_first_trial(tmp_path, command, message):
    space = {
        "x": rung.Float(0, 1),
        "units": rung.Int(1, 9).when(rung.param("layers") >= 2),
        "layers": rung.Int(1, 3),
    }
    with pytest.raises(ObjectiveError) as caught:
        rung.tune(rung.Command(command), space, n_trials=1, storage=str(tmp_path / "studies"), progress=False)
    assert message in str(caught.value)
    assert not (tmp_path / "studies").exists()


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(?P<y>", "pattern '(?P<y>': missing ), unterminated subpattern"),
        (r"y=(\d+)", "the pattern has no group for 'y' (its named groups: none); write (?P<y>...)"),
        (r"y=(?P<z>\d+)", "(its named groups: z)"),
    ],
)
def test_a_pattern_that_can_find_nothing_is_told_too(pattern, message):
    with pytest.raises(ObjectiveError) as caught:
        Attempt(rung.Command("true", pattern=pattern))
    assert message in str(caught.value)


def test_inactive_hyperparameters_are_left_out_with_their_flags(tmp_path):
    space = Space({
        "layers": rung.Int(1, 2),
        "units": rung.Int(1, 9).when(rung.param("layers") >= 2),
        "rate": rung.Int(1, 9).when(rung.param("layers") >= 2),
    })  # fmt: skip
    code = "open('seen.json', 'w').write(json.dumps(sys.argv[1:])); print('{\"y\": 1}')"
    words = [
        "-u",
        "{units}",
        "--layers",
        "{layers}",
        "model.rate={rate}",
        "--verbose",
        "--rate",
        "{rate}",
        "end",
    ]
    command = rung.Command([*script(tmp_path, code), *words], cwd=tmp_path)

    def arguments(config):
        Attempt(command, space, config=config)
        return json.loads((tmp_path / "seen.json").read_text())

    assert arguments({"layers": 1}) == ["--layers", "1", "--verbose", "end"]
    whole = arguments({"layers": 2, "units": 3, "rate": 4})
    assert whole == ["-u", "3", "--layers", "2", "model.rate=4", "--verbose", "--rate", "4", "end"]


def test_arguments_that_no_program_can_take_fail_the_trial():
    for value, why in (("nul\0", "null byte"), ("x" * 50_000, "too long"), ("\ud800", "surrogates")):
        end = Attempt(rung.Command("true {x}{x}{x}{x}"), {"x": rung.Categorical([value])}).end
        assert end.outcome == Outcome.FAILED
        assert "'true' can't be started" in end.reason
        assert why in end.reason


# ---- reports


LINES = r"""
print("hello, not a report")
print(json.dumps({"epoch": 1, "y": 0.5, "phase": "valid", "z": 2, "note": None, "nested": {"a": 1}}))
print('{"epoch": 2, "y": 0.25')
print('{"epoch": 2, "loss": 0.25}')
print('[{"y": 1}]')
print('{"a":' * 20000)
sys.stdout.write(' 30%\r 60%\r{"y": 0.125, "epoch": 3}\r\n')
print('{"y": 0.75, "test": 1}')
sys.stdout.write("no newline")
"""


def test_json_lines_are_reports_and_others_pass(tmp_path):
    attempt = Attempt(rung.Command(script(tmp_path, LINES)))
    assert attempt.told == [(1, {"y": 0.5, "z": 2.0}), (3, {"y": 0.125})]
    assert attempt.end.outcome == Outcome.COMPLETED
    assert {"y": 0.75, "test": 1.0}.items() <= attempt.end.metrics.items()
    passed = attempt.stdout.splitlines()
    assert passed[:4] == [
        "hello, not a report", '{"epoch": 2, "y": 0.25', '{"epoch": 2, "loss": 0.25}', '[{"y": 1}]',
    ]  # fmt: skip
    assert passed[-1] == "no newline"
    assert '"phase"' not in attempt.stdout


def test_the_resource_may_have_another_name(tmp_path):
    code = 'print(\'{"step": 2, "epoch": 1, "y": 0.5, "self": 3}\')'
    attempt = Attempt(rung.Command(script(tmp_path, code)), resource="step")
    assert attempt.told == [(2, {"y": 0.5, "epoch": 1.0, "self": 3.0})]


def test_a_pattern_reads_lines_that_people_read(tmp_path):
    code = """
    print('{"epoch": 1, "y": 9}')
    print("epoch 1: train 0.3, y=1e-1 (best)")
    print("epoch 2: train nan, y=.05")
    print("final y=0.04")
    """
    pattern = r"(?:epoch (?P<epoch>\d+): train (?P<train>\S+), |final )y=(?P<y>[\d.eE+-]+)"
    attempt = Attempt(rung.Command(script(tmp_path, code), pattern=pattern))
    assert [resource for resource, _ in attempt.told] == [1, 2]
    assert [metrics["y"] for _, metrics in attempt.told] == [0.1, 0.05]
    assert attempt.end.metrics["y"] == 0.04
    assert attempt.stdout == '{"epoch": 1, "y": 9}\n'


@pytest.mark.parametrize("pattern", [None, "y is (?P<y>.*)"])
def test_a_line_is_logged_with_its_files(tmp_path, monkeypatch, pattern):
    monkeypatch.chdir(tmp_path)
    words = script(
        tmp_path,
        """
        open("curve.png", "w").write("PNG")
        print(json.dumps({"rung.log": {"note": "it jumped", "norm": 12.5, "curve": {"file": "curve.png"}}}))
        print('{"rung.log": "no object: passed on"}')
        print(json.dumps({"y": 1}) if len(sys.argv) == 1 else "y is 1", flush=True)
        """,
    )
    command = rung.Command([*words, *(["again"] if pattern else [])], pattern=pattern, cwd=tmp_path)
    options = {"metric": "y", "n_trials": 1, "storage": tmp_path / "out", "name": "s", "progress": False}
    study = rung.tune(command, {"x": rung.Float(0, 1)}, **options)
    assert study.best_value == 1
    (note,) = study.trials[0].notes
    assert note.values == {"note": "it jumped", "norm": 12.5}
    assert (study.folder / note.files["curve"]).read_text() == "PNG"


@pytest.mark.parametrize(
    ("kept", "reason"),
    [
        ({"curve": {"file": "gone.png"}}, "can't be read"),
        ({"a": [1]}, "give text, a number, or the Path"),
        ({}, "give"),
    ],
)
def test_what_can_not_be_logged_fails_the_trial(tmp_path, kept, reason):
    words = script(tmp_path, f"print({json.dumps({'rung.log': kept})!r}, flush=True); time.sleep(60)")
    end = Attempt(rung.Command(words)).end
    assert (end.outcome, end.broken) == (Outcome.FAILED, "")
    assert reason in end.reason


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"epoch": 1, "y": null}', "y is nan at epoch 1"),
        ('{"epoch": 1, "y": Infinity}', "y is inf at epoch 1"),
        ('{"epoch": 1, "y": "0.2"}', "metric 'y' is '0.2' (a str); a metric is one number"),
        ('{"epoch": 0, "y": 1}', "epoch=0; epochs are whole numbers that count from 1"),
        ('{"epoch": 4, "y": 1}', "epoch 4 reported, but max_resource=3"),
        ('{"epoch": "1", "y": 1}', "epoch='1'; epochs are whole numbers"),
    ],
)
def test_a_report_that_is_none_fails_the_trial_and_ends_the_program(tmp_path, line, reason):
    code = f"print(os.getpid(), file=sys.stderr); print({line!r}, flush=True); time.sleep(600)"
    attempt = Attempt(rung.Command(script(tmp_path, code)))
    assert attempt.end.outcome == Outcome.FAILED
    assert reason in attempt.end.reason
    assert gone(int(attempt.stderr))


@pytest.mark.parametrize(
    ("code", "pattern", "message"),
    [
        ("pass", None, "the program printed no 'y'; it printed nothing. Let it print lines such as "),
        ("print('{\"epoch\": 1, \"loss\": 2}')", None, "its last line: '{\"epoch\": 1, \"loss\": 2}'. Let it"),
        ("print('y is 3')", "y=(?P<y>.)", "no line of the program has 'y' in the pattern 'y=(?P<y>.)'; its last"),
    ],
)  # fmt: skip
def test_no_metric_stops_the_study_at_its_first_trial(tmp_path, code, pattern, message):
    command = rung.Command(script(tmp_path, code), pattern=pattern)
    with pytest.raises(MetricError) as caught:
        rung.tune(
            command, {"x": rung.Float(0, 1)}, metric="y", n_trials=9, storage=":memory:", progress=False
        )
    assert message in str(caught.value)


def test_much_output_bad_utf8_and_endless_lines_do_no_harm(tmp_path):
    code = """
    out = sys.stdout.buffer
    out.write(b'{"epoch": 1, "y": 1}\\n' + b"\\xff\\xfe\\n" + b'{"epoch": 2, "y": 1, "\\xff": 1}\\n')
    for _ in range(100):
        out.write(b"0123456789abcde\\n" * 4096)
    out.write(b"x" * 4_000_000 + b'{"y": 5}\\n')
    sys.stderr.buffer.write(b"\\xe2\\x82" + b"e" * 1_000_000)
    out.write(b'{"epoch": 3, "y": 0.5}\\n')
    """
    attempt = Attempt(rung.Command(script(tmp_path, code)))
    assert attempt.end.outcome == Outcome.COMPLETED
    assert [(resource, metrics["y"]) for resource, metrics in attempt.told] == [(1, 1.0), (2, 1.0), (3, 0.5)]
    assert attempt.stdout.startswith("\ufffd\ufffd\n0123456789abcde\n")
    assert attempt.stdout.count("0123456789abcde\n") == 409_600
    assert attempt.stdout.count("x" * 1000) == 4000
    assert attempt.stderr.startswith("\ufffdeee")


def test_what_python_prints_arrives_at_once(tmp_path):
    path = tmp_path / "program.py"
    path.write_text('import time\nprint(\'{"epoch": 1, "y": 1}\')\ntime.sleep(600)\n')
    attempt = Attempt(rung.Command([sys.executable, str(path)]), stop_at=1)
    assert attempt.end.outcome == Outcome.STOPPED


def test_a_stdout_that_takes_nothing_fails_nothing(tmp_path):
    code = "print('☃'); print('{\"y\": 1}')"
    objective = Objective.of(
        rung.Command(script(tmp_path, f"sys.stdout.reconfigure(encoding='utf-8'); {code}")),
        Space({"x": 1}),
        Goals.of("y"),
    )
    raw = io.BytesIO()
    ascii_only, closed = io.TextIOWrapper(raw, encoding="ascii"), io.StringIO()
    closed.close()
    for stream in (ascii_only, closed):
        with redirect_stdout(stream):
            end = run_attempt(objective, Job(AttemptId(0, 1), {"x": 1}, 0), lambda _: Verdict.CONTINUE)
        assert end.outcome == Outcome.COMPLETED, end
    ascii_only.flush()
    assert raw.getvalue() == b"\\u2603\n"


# ---- how it ends


def test_an_exit_code_fails_the_trial_with_the_end_of_stderr(tmp_path):
    code = """
    print('{"epoch": 1, "y": 1}')
    for i in range(1000):
        print("line", i, file=sys.stderr)
    sys.exit("out of luck\\n")
    """
    attempt = Attempt(rung.Command([*script(tmp_path, code), "a b", "{x}"]))
    assert attempt.end.outcome == Outcome.FAILED
    assert attempt.end.reason == "exit code 1: out of luck"
    first, *lines, last = attempt.end.traceback.splitlines()
    assert first.startswith("$ ") and first.endswith("program.py 'a b' 0.5")
    assert last == "exit code 1"
    assert lines == [*(f"line {i}" for i in range(981, 1000)), "out of luck"]
    assert attempt.stderr.count("\n") >= 1000


def test_a_signal_fails_the_trial(tmp_path):
    end = Attempt(rung.Command(script(tmp_path, "os.kill(os.getpid(), signal.SIGSEGV)"))).end
    assert (end.outcome, end.reason) == (Outcome.FAILED, "killed by SIGSEGV")


def test_a_script_without_an_interpreter_is_explained(tmp_path):
    (tmp_path / "s").write_text("echo hello\n")
    (tmp_path / "s").chmod(0o755)
    end = Attempt(rung.Command("./s", cwd=tmp_path)).end
    assert end.reason.startswith("exit code 127 (it can't be executed: does a script begin with #!")


def test_a_verdict_is_told_by_sigterm_first(tmp_path):
    code = """
    def on_term(*_):
        open("bye", "w").write("saved")
        print("bye")
        sys.exit(0)
    signal.signal(signal.SIGTERM, on_term)
    print('{"epoch": 1, "y": 1}', flush=True)
    time.sleep(600)
    """
    attempt = Attempt(rung.Command(script(tmp_path, code), cwd=tmp_path), stop_at=1, verdict=Verdict.PAUSE)
    assert attempt.end.outcome == Outcome.PAUSED
    assert (tmp_path / "bye").read_text() == "saved"
    assert attempt.stdout == "bye\n"


FAMILY = """
import subprocess
child = "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
children = [
    subprocess.Popen([sys.executable, "-I", "-c", child], start_new_session=new) for new in (False, True)
]
open("pids", "w").write(" ".join(str(p) for p in (os.getpid(), *(c.pid for c in children))))
"""


@pytest.mark.skipif(not LINUX, reason="only Linux has subreapers")
def test_children_end_with_the_program_though_they_hold_its_stdout(tmp_path):
    code = FAMILY + "print('{\"y\": 1}', flush=True)\nos._exit(0)"
    attempt = Attempt(rung.Command(script(tmp_path, code), cwd=tmp_path))
    assert attempt.end.outcome == Outcome.COMPLETED
    assert all(gone(int(pid), within=0.1) for pid in (tmp_path / "pids").read_text().split())


@pytest.mark.slow
@pytest.mark.skipif(not LINUX, reason="only Linux has subreapers")
def test_who_ignores_sigterm_is_killed_with_its_children(tmp_path):
    code = (
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
        + FAMILY
        + "print('{\"epoch\": 1, \"y\": 1}', flush=True)\nwhile True: print('more', flush=True)"
    )
    attempt = Attempt(rung.Command(script(tmp_path, code), cwd=tmp_path), stop_at=1)
    assert attempt.end.outcome == Outcome.STOPPED
    assert all(gone(int(pid), within=0.1) for pid in (tmp_path / "pids").read_text().split())
    assert "more\n" in attempt.stdout


def test_a_killed_guard_takes_the_program_along(tmp_path):
    code = """
    open("pid", "w").write(str(os.getpid()))
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(600)
    """
    attempt = Attempt(rung.Command(script(tmp_path, code), cwd=tmp_path))
    assert attempt.end.outcome == Outcome.FAILED
    assert attempt.end.reason == "its guard was killed"
    if LINUX:
        assert gone(int((tmp_path / "pid").read_text()))


def test_a_stopped_guard_is_killed_and_takes_the_program_along(tmp_path):
    code = """
    open("pid", "w").write(str(os.getpid()))
    os.kill(os.getppid(), signal.SIGSTOP)
    print('{"epoch": 1, "y": 1}', flush=True)
    time.sleep(600)
    """
    began = time.monotonic()
    attempt = Attempt(rung.Command(script(tmp_path, code), cwd=tmp_path), stop_at=1)
    assert attempt.end.outcome == Outcome.STOPPED
    assert time.monotonic() - began < 30
    if LINUX:
        assert gone(int((tmp_path / "pid").read_text()))


@pytest.mark.skipif(not LINUX, reason="reads /proc")
def test_signals_are_at_their_default(tmp_path):
    end = Attempt(rung.Command("grep SigIgn /proc/self/status", pattern=r"SigIgn:\s+(?P<y>[1-9a-f]+|0)")).end
    assert end.reason == "" and end.metrics["y"] == 0.0
    assert signal.getsignal(signal.SIGPIPE) == signal.SIG_IGN  # which is Python's own habit


# ---- studies


ACCUMULATE = """
rate, last, start, folder = float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
total = json.load(open(f"{folder}/{start}")) if start else 0
for epoch in range(start + 1, last + 1):
    total += epoch
    with open(f"{folder}/{epoch}", "w") as file:
        json.dump(total, file)
    print(json.dumps({"epoch": epoch, "y": rate / epoch, "total": total}), flush=True)
    time.sleep(0.03)
"""


@pytest.mark.parametrize("n_workers", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_asha_pauses_programs_which_go_on_from_their_checkpoints(tmp_path, n_workers):
    words = [
        *script(tmp_path, ACCUMULATE),
        "{rate}",
        "{max_resource}",
        "{start_resource}",
        "{checkpoint_dir}",
    ]
    study = rung.tune(
        rung.Command(words), {"rate": rung.Float(0, 1)}, metric="y", scheduler="asha", searcher="random",
        max_resource=9, n_trials=9, n_workers=n_workers, seed=1, progress=False, storage=str(tmp_path / "studies"),
    )  # fmt: skip
    resumed = [trial for trial in study.trials if len(trial.attempts) > 1]
    assert resumed
    assert {trial.status for trial in study.trials} <= {"completed", "stopped"}
    for trial in study.trials:
        epochs = [report.resource for report in trial.reports]
        assert epochs == list(range(1, epochs[-1] + 1))
        assert [report.metrics["total"] for report in trial.reports] == [e * (e + 1) / 2 for e in epochs]


def test_an_interrupted_last_epoch_needs_no_more_reports(tmp_path):
    folder = tmp_path / "trials"
    words = [*script(tmp_path, ACCUMULATE), "{x}", "{max_resource}", "{start_resource}", "{checkpoint_dir}"]
    Attempt(rung.Command(words), folder=folder)
    again = Attempt(rung.Command(words), folder=folder, start_resource=3)
    assert again.end.outcome == Outcome.COMPLETED, again.end
    assert again.told == []


def test_a_changed_command_is_told(tmp_path, caplog):
    def tune(text):
        rung.tune(
            rung.Command(text), {"x": rung.Float(0, 1)}, metric="y", n_trials=tune.n, name="s",
            storage=str(tmp_path / "studies"), progress=False,
        )  # fmt: skip
        tune.n += 1

    tune.n = 1
    echo = """sh -c 'echo "{{\\"y\\": $0}}"' {x}"""
    tune(echo)
    tune(echo)
    assert "has changed" not in caplog.text
    tune(echo + " --more")
    assert "the objective's code has changed" in caplog.text


def test_a_hyperparameter_may_be_called_config_or_trial(tmp_path):
    study = rung.tune(
        rung.Command("""sh -c 'echo "{{\\"y\\": $0}}"' {config} {trial}"""),
        {"config": rung.Categorical([0.25]), "trial": 3}, metric="y", n_trials=1, storage=":memory:", progress=False,
    )  # fmt: skip
    assert study.best_value == 0.25


def test_what_it_is_can_be_read():
    command = rung.Command(["python", "a b.py", "{x}"], pattern="y=(?P<y>.)")
    assert repr(command) == """Command("python 'a b.py' '{x}'", pattern='y=(?P<y>.)')"""
    assert fingerprint(command) != fingerprint(rung.Command(["python", "a b.py", "{x}"])) != ""
    assert os.sep in repr(rung.Command("a/b"))
