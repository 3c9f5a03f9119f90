"""Kill studies at random moments of their confirmation, and compare each winner with that of an unbroken one.

    python -m benchmarks.torture.confirmations --kills 200
    python -m benchmarks.torture.confirmations --kills 1 --seed 17      # the study of seed 17 again

Each session is a process of its own, ended by SIGKILL after a random part of a second. A kill counts if the
finalists were chosen by then and not all their runs were over. Then the study is let end: its winner, value
and interval have to be those of the same study without any kill, and its log has to prove them. Of four
studies, one has three worker processes.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import random
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import rung
from rung.analysis.winner import Winner
from rung.errors import Error
from rung.testing import check_log

OPTIONS = {
    "n_trials": 30, "confirm": 20, "searcher": "random", "metric": "error", "report_only": ["test_error"],
    "name": "s", "progress": False,
}  # fmt: skip
SEEDS = 5
"""Different studies; the others are these again, with other kills."""
MOST = 20
"""Kills of one study; then it is let end."""
PAUSE = 0.4
"""Seconds that a session gets at most."""


def train(config: Mapping[str, Any], trial: Any) -> dict[str, float]:
    time.sleep(0.01)
    rng = np.random.default_rng(trial.seed)
    error = (config["x"] - 0.3) ** 2
    return {"error": error + rng.normal(0, 0.1), "test_error": error + rng.normal(0, 0.1)}


def session(folder: Path, seed: int, workers: int) -> None:
    rung.tune(train, {"x": rung.Float(0, 1)}, seed=seed, n_workers=workers, storage=str(folder), **OPTIONS)


def winner_in(folder: Path) -> Winner:
    """The winner with what is reported of it; AssertionError if the log does not prove it."""
    study = rung.Study.load("s", storage=str(folder))
    check_log(list(study.events()))
    assert len(study.trials) == OPTIONS["n_trials"]
    winner = study.final_report().winner
    assert winner is not None
    return winner


def stored(folder: Path) -> tuple[int, bool]:
    """How many events there are, and whether finalists were chosen and a winner is still to be confirmed."""
    try:
        study = rung.Study.load("s", storage=str(folder))
    except Error:  # there is no study yet
        return 0, False
    state = study.state
    return len(list(study.events())), bool(state.confirmations) and state.confirmed is None


def tortured(folder: Path, seed: int, workers: int, kills: int) -> int:
    """Kill the sessions of a study up to so often, then let it end; return how often."""
    rng, killed, events, pause = random.Random(seed), 0, 0, PAUSE * workers
    fork = multiprocessing.get_context("fork")
    while True:
        process = fork.Process(target=session, args=(folder, seed % SEEDS, workers))
        process.start()
        process.join(None if killed >= kills else rng.random() * pause)
        if process.exitcode is not None:
            assert process.exitcode == 0, f"seed {seed}: exit code {process.exitcode}"
            return killed
        process.kill()
        process.join()
        before, (events, confirming) = events, stored(folder)
        killed += confirming
        # On a busy machine a session needs longer to get anywhere.
        pause = pause / 1.2 if events > before + 20 else pause * 1.2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="of the first study")
    asked = parser.parse_args()
    begun, killed = time.monotonic(), 0
    whole: dict[int, Winner] = {}
    with tempfile.TemporaryDirectory() as place:
        for seed in itertools.count(asked.seed):
            if seed % SEEDS not in whole:
                session(Path(place, f"whole{seed}"), seed % SEEDS, 1)
                whole[seed % SEEDS] = winner_in(Path(place, f"whole{seed}"))
            folder = Path(place, f"cut{seed}")
            more = tortured(folder, seed, 3 if seed % 4 == 3 else 1, min(MOST, asked.kills - killed))
            killed += more
            assert winner_in(folder) == whole[seed % SEEDS], f"seed {seed}: another winner or claim"
            print(f"seed {seed}: {more} kills, the same winner and claim", flush=True)
            if killed >= asked.kills:
                break
    seconds = time.monotonic() - begun
    print(f"{killed} kills in {seed + 1 - asked.seed} studies, {seconds:.0f} s: 0 other winners or claims")


if __name__ == "__main__":
    main()
