"""What rung itself costs, beside Optuna: `python -m benchmarks.overhead` prints a table in about two minutes.

Optuna is measured if `benchmarks/setup_peers.sh` was run. Each number is the median of some runs, each run in
an interpreter of its own and a fresh folder on the disk of this checkout.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from benchmarks import runs as shared
from benchmarks.runs import ROOT, SETTINGS, interpreter, version

PEERS = interpreter(".peers")


@dataclass(frozen=True)
class Measure:
    """A row: what each library runs, as a case of its script and a number of trials."""

    what: str
    rung: tuple[str, int]
    optuna: tuple[str, int] | None
    target: str = ""
    runs: int = 3


IMPORTS = (
    ("s to import", "import rung", "import optuna"),
    (
        "  and to have what a study needs",
        "import rung; rung.tune, rung.Float",
        "import optuna; optuna.create_study, optuna.samplers.RandomSampler",
    ),
)
MEASURES = (
    Measure("empty trials/s: memory, 1 worker", ("memory", 2000), ("memory", 2000), ">= 5000"),
    Measure("  the same, 5,000 trials", ("memory", 5000), None, ">= 5000"),
    Measure("  SQLite, 1 worker", ("sqlite 1", 300), ("sqlite 1", 300)),
    Measure("  SQLite, 2 workers", ("sqlite 2", 2000), ("sqlite 2", 300), ">= 150"),
    Measure('  SQLite, 2 workers, durability="process"', ("sqlite 2 process", 2000), None, ">= 600"),
    Measure(
        "trials of 0.5 s, SQLite, 2 workers: time / ideal", ("sleep", 40), ("sleep", 40), "<= 1.15", runs=1
    ),
    Measure("ms per ask, 10 dimensions, 50 trials known", ("ask", 50), ("ask", 50)),
    Measure("ms per ask, 10 dimensions, 500 trials known", ("ask", 500), ("ask", 500)),
    *(
        Measure(f"  Gaussian process to TPE, {n} trials known", ("gp", n), ("tpe", n), "<= 1.5x")
        for n in (50, 100, 500, 1000)
    ),
    Measure("  Gaussian process, 100 trials known", ("gp", 100), ("gp", 100), "<= 0.05x", runs=1),
    Measure("  Gaussian process, 5,000 trials known", ("gp", 5000), None, "<= 200", runs=1),
    Measure("  TPE, 1,000 trials known", ("tpe", 1000), ("tpe", 1000)),
)


@dataclass
class Result:
    """The runs of one library in one row."""

    what: str
    library: str
    runs: list[float]
    target: str = ""
    median: float = field(init=False)

    def __post_init__(self) -> None:
        self.median = median(self.runs)

    def verdict(self, peer: float | None) -> str:
        """Whether the target is met; a bound such as "1.5x" is a multiple of the peer's median."""
        if not self.target or (self.target.endswith("x") and peer is None):
            return ""
        relation, bound = self.target.split()
        limit = float(bound[:-1]) * peer if bound.endswith("x") else float(bound)
        met = self.median >= limit if relation == ">=" else self.median <= limit
        return "met" if met else "MISSED"


def python_seconds(python: Path, code: str) -> list[float]:
    times = []
    for _ in range(1 + 7):
        start = time.perf_counter()
        subprocess.run([python, "-c", code], check=True, cwd=ROOT)
        times.append(time.perf_counter() - start)
    return times[1:]  # the first run may have to compile


def imported(what: str, library: str, python: Path, code: str, target: str = "") -> Result:
    nothing = median(python_seconds(python, "pass"))
    return Result(what, library, [t - nothing for t in python_seconds(python, code)], target)


def measured(measure: Measure, library: str, python: Path, quick: bool) -> Result:
    case, n = measure.rung if library == "rung" else measure.optuna
    runs = [run_once(python, library, case, n // 2 if quick else n) for _ in range(measure.runs)]
    return Result(measure.what, library, runs, measure.target if library == "rung" else "")


def run_once(python: Path, library: str, case: str, n: int) -> float:
    with tempfile.TemporaryDirectory(prefix=".overhead-", dir=ROOT) as folder:
        command = [*shared.script(python, f"overhead.with_{library}"), case, str(n), folder]
        return shared.ask(command, SETTINGS)


def all_results(quick: bool, only: str) -> list[list[Result]]:
    """Measure row by row, the libraries next to each other in time, since other load comes and goes."""
    here, peers = Path(sys.executable), PEERS.exists()
    rows = []
    for what, ours, theirs in (row for row in IMPORTS if only in row[0]):
        rows.append([imported(what, "rung", here, ours, "<= 0.25")])
        if peers:
            rows[-1].append(imported(what, "optuna", PEERS, theirs))
    for measure in (row for row in MEASURES if only in row.what):
        rows.append([measured(measure, "rung", here, quick)])
        if peers and measure.optuna:
            rows[-1].append(measured(measure, "optuna", PEERS, quick))
    return rows


def versions() -> dict[str, str]:
    here = Path(sys.executable)
    return {
        "rung": version(here, "rung"),
        "optuna": version(PEERS, "optuna") if PEERS.exists() else "missing: run benchmarks/setup_peers.sh",
        "python": platform.python_version(),
        "numpy": version(here, "numpy"),
        "sqlite": sqlite3.sqlite_version,
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
        "load before": f"{os.getloadavg()[0]:.1f}",
    }


def show(facts: dict[str, str], rows: list[list[Result]]) -> None:
    print(", ".join(f"{name} {value}" for name, value in facts.items()), end="\n\n")
    print(f"{'':50}{'rung':>10}{'optuna':>10}  target")
    for ours, *theirs in rows:
        peer = theirs[0].median if theirs else None
        told = "-" if peer is None else f"{peer:.4g}"
        print(f"{ours.what:50}{ours.median:>10.4g}{told:>10}  {ours.target} {ours.verdict(peer)}".rstrip())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="half the trials")
    parser.add_argument("--only", default="", metavar="TEXT", help="only the rows whose name has it")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write all runs there")
    options = parser.parse_args()
    facts = versions()
    rows = all_results(options.quick, options.only)
    show(facts, rows)
    if options.json:
        results = [asdict(result) for row in rows for result in row]
        options.json.write_text(json.dumps({"versions": facts, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
