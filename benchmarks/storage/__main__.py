"""How many trials and reports a second are stored for good, beside Optuna: `python -m benchmarks.storage`.

Two worker processes, an objective that does nothing; SQLite on the disk of this checkout, PostgreSQL on
loopback (a server of its own, on the disk of the temporary folder, if one is installed). Optuna is measured
if `benchmarks/setup_peers.sh` was run.
`chrt --rr 10 python -m benchmarks.storage` measures the disk rather than other load on a machine in use.
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
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks.runs import ROOT, interpreter, script, version
from benchmarks.storage.postgres_server import programs, server

PEERS = interpreter(".peers")
WORKERS = 2


@dataclass(frozen=True)
class Row:
    what: str
    value: float
    target: str
    peer: float | None = None
    most: float | None = None
    """What the disk allows two workers, if each waits for a sync of its own."""

    @property
    def verdict(self) -> str:
        if not self.target:
            return ""
        relation, bound = self.target.split()
        return "met" if (self.value >= float(bound)) == (relation == ">=") else "MISSED"


@dataclass(frozen=True)
class Measure:
    """How many there are of something a second: `n` of rung's, `peer_n` of Optuna's."""

    case: str
    storage: str
    durability: str
    n: int
    peer_n: int
    target: str = ""


MEASURES = (
    Measure("trials", "SQLite", "process", 3000, 0, ">= 1000"),
    Measure("reports", "SQLite", "process", 10_000, 0, ">= 3000"),
    Measure("trials", "SQLite", "machine", 1500, 200, ">= 300"),
    Measure("reports", "SQLite", "machine", 3000, 600, ">= 1000"),
    Measure("trials", "PostgreSQL", "machine", 1500, 200, ">= 500"),
    Measure("reports", "PostgreSQL", "machine", 3000, 600),
)


def ask(python: Path, name: str, *arguments: object, **environment: str):
    command = [*script(python, f"storage.{name}"), *map(str, arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT, env=os.environ | environment)
    return json.loads(done.stdout)


def throughput(measure: Measure, url: str | None, runs: int) -> Row:
    """The medians of some runs, the libraries in turn, since other load comes and goes."""
    ours, theirs, syncs = [], [], []
    for _ in range(runs):
        syncs.append(sync_ms(tempfile.gettempdir() if url else ROOT))
        with tempfile.TemporaryDirectory(prefix=".storage-", dir=ROOT) as folder:
            ours.append(ask(Path(sys.executable), "with_rung", measure.case, measure.n, url or folder,
                            measure.durability, RUNG_HOME=folder))  # fmt: skip
            if measure.peer_n and peer_can(measure.storage):
                other = optuna_url(url) if url else f"sqlite:///{folder}/optuna.db"
                theirs.append(ask(PEERS, "with_optuna", measure.case, measure.peer_n, other))
                if url:
                    drop_study(url)
    what = f'{measure.case}/s, {measure.storage}, durability="{measure.durability}"'
    most = None if measure.durability == "process" else WORKERS * 1000 / median(syncs)
    return Row(what, median(ours), measure.target, median(theirs) if theirs else None, most)


def peer_can(storage: str) -> bool:
    if not PEERS.exists():
        return False
    driver = "sqlite3" if storage == "SQLite" else "psycopg"
    command = [PEERS, "-c", f"import {driver}"]
    return subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0


def optuna_url(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://")


def drop_study(url: str) -> None:
    code = "import optuna, sys; optuna.delete_study(study_name='study', storage=sys.argv[1])"
    subprocess.run([PEERS, "-c", code, optuna_url(url)], check=True, stderr=subprocess.DEVNULL)


def sync_ms(folder: Path | str, n: int = 100) -> float:
    """Milliseconds to sync 12 kB written over others of a file; the median of n times."""
    times, size = [], 12288
    with tempfile.NamedTemporaryFile(prefix=".storage-", dir=folder) as file:
        file.write(bytes(n * size))
        file.flush()
        os.fsync(file.fileno())
        for i in range(n):
            os.pwrite(file.fileno(), os.urandom(size), i * size)
            begun = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - begun)
    return 1000 * median(times)


def versions() -> dict[str, str]:
    here = Path(sys.executable)
    programs_ = programs()
    postgres = "not installed"
    if programs_:
        told = subprocess.run(
            [programs_ / "postgres", "--version"], check=True, stdout=subprocess.PIPE, text=True
        )
        postgres = told.stdout.split()[2]
    return {
        "rung": version(here, "rung"),
        "optuna": version(PEERS, "optuna") if PEERS.exists() else "missing: run benchmarks/setup_peers.sh",
        "optuna's driver for PostgreSQL": "psycopg" if peer_can("PostgreSQL") else "missing",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "postgresql": postgres,
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
        "ms per sync of the disk": f"{sync_ms(ROOT):.2f}",
        "load before": f"{os.getloadavg()[0]:.1f}",
    }


def show(row: Row) -> None:
    peer, most = ("-" if value is None else f"{value:.4g}" for value in (row.peer, row.most))
    line = f"{row.what:50}{row.value:>10.4g}{peer:>10}{most:>10}  {row.target} {row.verdict}"
    print(line.rstrip(), flush=True)


def all_rows(options: argparse.Namespace) -> Iterator[Row]:
    with ExitStack() as stack:
        url = None
        for measure in (m for m in MEASURES if options.only in f"{m.case} {m.storage}"):
            if measure.storage == "PostgreSQL" and url is None:
                if programs() is None:
                    continue
                url = stack.enter_context(server()).url
            yield throughput(measure, url if measure.storage == "PostgreSQL" else None, options.runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3, help="of each row; the table shows medians")
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="only the rows that have it: trials, SQLite"
    )
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the rows there")
    options = parser.parse_args()
    facts = versions()
    print(", ".join(f"{name} {value}" for name, value in facts.items()), end="\n\n")
    print(f"{'':50}{'rung':>10}{'optuna':>10}{'at most':>10}  target")
    rows = []
    for row in all_rows(options):
        show(row)
        rows.append({**asdict(row), "verdict": row.verdict})
    if options.json:
        options.json.write_text(json.dumps({"versions": facts, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
