"""Plain lines, as a real study writes them into a pipe."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path


def run_script(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    script = folder / "script.py"
    script.write_text("import rung, time\nspace = {'x': rung.Float(0, 1)}\n" + textwrap.dedent(code))
    command = [sys.executable, script]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, cwd=folder)


def test_a_line_per_trial_and_how_it_ended(tmp_path: Path) -> None:
    done = run_script(
        tmp_path,
        r"""
        def objective(config, trial):
            time.sleep(0.1)
            if trial.number == 1:
                raise RuntimeError("no \x1b[31mluck\nat all")
            return {"loss": 1.0 + trial.number}
        study = rung.tune(objective, space, metric="loss", mode="max", n_trials=4, name="a study", progress=True,
                          searcher="random")
        print(study.best_value)
        """,
    )
    assert done.stdout == "4.0\n"
    lines = done.stderr.splitlines()
    assert lines[0] == "study a study, 4 trials"
    assert len(lines) == 6
    first = re.fullmatch(r"trial 0  completed  loss=1  x=0\.\d+  \((\d+\.\d) s\)  best 1", lines[1])
    assert first is not None
    assert float(first[1]) >= 0.1
    assert r"trial 1  failed  x=" in lines[2]
    assert r"RuntimeError: no \x1b[31mluck at all" in lines[2]
    assert lines[4].endswith("best 4")
    assert re.match(r"a study: done after \d+\.\d s", lines[5])
    assert "trials: 3 completed, 1 failed; best: loss=4  trial 3  x=" in lines[5]


def test_a_fast_study_is_told_in_few_lines_and_counts_every_trial(tmp_path: Path) -> None:
    done = run_script(
        tmp_path,
        """
        rung.tune(lambda config: config['x'], space, n_trials=1500, searcher='random', storage=':memory:',
                  progress=True)
        """,
    )
    lines = done.stderr.splitlines()
    told = [line for line in lines if line.startswith("trial ")]
    left_out = [int(m[1]) for line in lines if (m := re.fullmatch(r"\.\.\. and (\d+) more trials", line))]
    assert len(told) + sum(left_out) == 1500
    assert len(told) <= 20 * (len(left_out) + 1)


def test_a_study_that_goes_on_tells_only_what_is_new(tmp_path: Path) -> None:
    done = run_script(
        tmp_path,
        """
        for n in (3, 5):
            rung.tune(lambda config: config['x'], space, n_trials=n, name="s")
        """,
    )
    assert re.findall(r"^trial (\d)", done.stderr, re.MULTILINE) == list("01234")
    assert "study s, 5 trials; it goes on, trials so far: 3 completed" in done.stderr


def test_an_error_ends_the_view_with_its_line(tmp_path: Path) -> None:
    done = run_script(
        tmp_path,
        """
        def objective(config):
            raise ValueError("always")
        rung.tune(objective, space, n_trials=30, name="s", max_failures=3)
        """,
    )
    assert done.returncode == 1
    assert "s: stopped, too many failures after" in done.stderr
    assert "TooManyFailures" in done.stderr


def test_import_rung_and_silent_studies_load_no_view(tmp_path: Path) -> None:
    done = run_script(
        tmp_path,
        """
        import sys
        rung.tune(lambda config: 1.0, space, n_trials=1, progress=False)
        print([name for name in ("rich", "click", "IPython") if name in sys.modules])
        """,
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_metric_that_is_no_number_is_said_once(tmp_path: Path) -> None:
    done = run_script(
        tmp_path,
        """
        rung.tune(lambda config: float("nan"), space, n_trials=1, name="a", progress=True)
        """,
    )
    (line,) = re.findall(r"trial 0 .*", done.stderr.partition("no trial has succeeded")[0])
    assert re.fullmatch(r"trial 0  failed  x=\S+  value is nan  .*", line)
    assert line.count("nan") == 1


def test_lines_tell_constraints_the_front_and_where_a_trial_stopped(tmp_path: Path) -> None:
    done = run_script(
        tmp_path,
        """
        rung.tune(lambda config: {'a': config['x'], 'b': -config['x'], 'mb': 9.0 * (config['x'] < .5)}, space,
                  metric={'a': 'min', 'b': 'min'}, constraints={'mb': '<= 5'}, n_trials=2, name='s', searcher='random',
                  initial_configs=[{'x': .25}, {'x': .75}])

        def train(config, trial):
            for epoch in trial.epochs():
                trial.report(epoch=epoch, loss=config['x'])
        rung.tune(train, space, metric='loss', n_trials=3, max_resource=3, name='t', searcher='random',
                  initial_configs=[{'x': .1}, {'x': .2}, {'x': .3}], scheduler=rung.schedulers.ASHA('stopping'))
        """,
    )
    lines = done.stderr.splitlines()
    assert re.fullmatch(
        r"trial 0  completed  a=0.25  b=-0.25  mb=9  x=0.25  breaks mb <= 5  \(.*\)  front: 1 trial", lines[1]
    )
    assert lines[3].endswith("trials: 2 completed; front: 1 trial")
    assert re.fullmatch(r"trial 2  stopped  loss=0.3  x=0.3  at epoch 1  \(.*\)  best 0.1", lines[-2])
