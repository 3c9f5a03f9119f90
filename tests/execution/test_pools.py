"""Pools of processes inside an objective work with functions and classes of the script, in workers too."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import concurrent.futures, functools, multiprocessing, sys
import rung

SCALE = [3]

class Thing:
    def __init__(self, value):
        self.value = value

def scaled(thing):
    return Thing(thing.value * SCALE[0])

@functools.lru_cache
def cached(value):
    return value + 1

def objective(config):
    things = [Thing(1), Thing(2)]
    {pool}

space = {{"x": rung.Float(0, 1)}}
"""
TUNE = """
print("the script runs", file=sys.stderr)
study = rung.tune(objective, space, n_trials=2, n_workers={n_workers}, searcher="random", storage="there", max_failures=1,
                  name="s", progress=False)
print([trial.value for trial in study.trials])
"""
GUARD = 'if __name__ == "__main__":'
POOL = "with multiprocessing.get_context({kind!r}).Pool(2) as pool: return sum(t.value for t in pool.map(scaled, things))"
EXECUTOR = (
    "with concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context({kind!r})) as pool: "
    "return sum(t.value for t in pool.map(scaled, things)) + sum(pool.map(cached, [-1, -1]))"
)
JOBLIB = (
    "import joblib; "
    "return sum(t.value for t in joblib.Parallel(2, backend={kind!r})(joblib.delayed(scaled)(t) for t in things))"
)


def run(folder, pool, tune, **parts):
    (folder / "train.py").write_text(SCRIPT.format(pool=pool.format(**parts)) + tune)
    return subprocess.run(
        [sys.executable, "train.py"], cwd=folder, check=False, capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize(
    ("pool", "kind", "n_workers"),
    [
        (POOL, "fork", 2),
        (EXECUTOR, "fork", 2),
        *(
            pytest.param(pool, kind, n_workers, marks=pytest.mark.slow)
            for pool, kind in [
                (POOL, "fork"),
                (EXECUTOR, "fork"),
                (JOBLIB, "loky"),
                (JOBLIB, "multiprocessing"),
            ]
            for n_workers in (1, 2)
            if n_workers == 1 or pool == JOBLIB
        ),
    ],
)
def test_a_pool_runs_functions_of_a_script_without_a_guard(tmp_path, pool, kind, n_workers):
    if pool == JOBLIB:
        pytest.importorskip("joblib")
    done = run(tmp_path, pool, TUNE.format(n_workers=n_workers), kind=kind)
    assert done.stdout == "[9.0, 9.0]\n", done.stderr
    assert done.stderr == "the script runs\n"


@pytest.mark.parametrize(
    ("kind", "n_workers"),
    [("spawn", 2), *(pytest.param("forkserver", n, marks=pytest.mark.slow) for n in (1, 2))],
)
def test_pools_that_spawn_import_a_guarded_script(tmp_path, kind, n_workers):
    guarded = GUARD + TUNE.format(n_workers=n_workers).replace("\n", "\n    ") + "\n"
    done = run(tmp_path, POOL, guarded, kind=kind)
    assert done.stdout == "[9.0, 9.0]\n", done.stderr
    assert done.stderr == "the script runs\n"


@pytest.mark.slow
@pytest.mark.parametrize("n_workers", [1, 2])
def test_no_process_of_a_pool_tunes_once_more(tmp_path, n_workers):
    """Python itself can't spawn a pool from a script without a guard."""
    done = run(tmp_path, EXECUTOR, TUNE.format(n_workers=n_workers), kind="spawn")
    assert done.returncode == 1
    assert "TooManyFailures" in done.stderr
    if n_workers == 1:
        assert 'put the call under `if __name__ == "__main__":`' in done.stderr


@pytest.mark.slow
def test_a_pool_runs_functions_of_a_file_of_rung_run(tmp_path):
    (tmp_path / "train.py").write_text(SCRIPT.format(pool=POOL.format(kind="fork")))
    done = subprocess.run(
        [sys.executable, "-m", "rung", "run", "train.py", "--n-trials", "2", "--n-workers", "2", "--quiet", "--json"],
        cwd=tmp_path, check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert '"value": 9.0' in done.stdout
