"""How long a large study takes to open, and how much memory: `python -m benchmarks.opening`.

A study of 100,000 trials with 10 reports each, 1.3 million events, is written as a coordinator writes it, and
opened in fresh processes: to look at, to look at every report, and to go on; with its snapshot and without.
Optuna, if `benchmarks/setup_peers.sh` was run, opens one of 2,000 trials: even that takes minutes to write.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import runs as shared
from benchmarks.runs import ROOT, interpreter, machine, save, verdict, version

PEERS = interpreter(".peers")
ROWS = (
    ("load", "open to look at", 3.0, 500.0),
    ("walk", "open, and look at every report", None, 500.0),
    ("go on", "open to go on, all of the log checked", 3.0, 500.0),
    ("status", "rung status, start of Python included", 0.5, None),
)


@dataclass(frozen=True)
class Row:
    what: str
    wall: float
    cpu: float
    mb: float
    seconds_at_most: float | None = None
    mb_at_most: float | None = None

    def __str__(self) -> str:
        told = f"{self.what:60}{self.wall:9.2f}{self.cpu:9.2f}{self.mb:8.0f}"
        bounds = [(self.cpu, self.seconds_at_most, "s"), (self.mb, self.mb_at_most, "MB")]
        said = [
            f"<= {most:g} {unit} {verdict(value <= most)}" for value, most, unit in bounds if most is not None
        ]
        return "  ".join([told, *said])


def ask(python: Path, name: str, *arguments: object):
    return shared.ask([*shared.script(python, f"opening.{name}"), *map(str, arguments)])


def measured(
    what: str, *question: object, runs: int, bounds: tuple[float | None, float | None] = (None, None)
) -> Row:
    """The median of some runs after one that is not counted: from then on files are in the system's cache."""
    found = [ask(*question) for _ in range(runs + 1)][1:]
    return Row(what, *(median(column) for column in zip(*found, strict=True)), *bounds)


def ours(n: int, folder: str, runs: int) -> Iterator[Row]:
    here = Path(sys.executable)
    for case, what, seconds, mb in ROWS:
        yield measured(what, here, "with_rung", case, n, folder, runs=runs, bounds=(seconds, mb))
    os.environ["XDG_CACHE_HOME"] = str(Path(folder) / "no snapshots")
    yield measured(
        "open without a snapshot", here, "with_rung", "load", n, folder, runs=1, bounds=(None, 500.0)
    )


def theirs(n: int, url: str, runs: int) -> Iterator[Row]:
    for case, what in (("walk", "open, and look at every report"), ("status", "optuna best-trial")):
        yield measured(f"Optuna, {n:,} trials: {what}", PEERS, "with_optuna", case, n, url, runs=runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--peer-trials", type=int, default=2000, help="of Optuna's study; 0 leaves it out")
    parser.add_argument("--runs", type=int, default=3, help="of each row; the table shows medians")
    options = parser.parse_args()
    facts = machine() | {"rung": version(sys.executable, "rung"), "load before": f"{os.getloadavg()[0]:.1f}"}
    lines = [", ".join(f"{name} {value}" for name, value in facts.items()), ""]
    lines.append(f"{f'{options.trials:,} trials with 10 reports each':60}{'s':>9}{'CPU s':>9}{'MB':>8}")
    with tempfile.TemporaryDirectory(prefix=".opening-", dir=ROOT) as folder:
        ask(Path(sys.executable), "with_rung", "write", options.trials, folder)
        lines += map(str, ours(options.trials, folder, options.runs))
        if options.peer_trials and PEERS.exists():
            url = f"sqlite:///{folder}/optuna.db"
            ask(PEERS, "with_optuna", "write", options.peer_trials, url)
            lines += map(str, theirs(options.peer_trials, url, options.runs))
    save("opening.txt", "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
