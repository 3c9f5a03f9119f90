"""What the benchmarks share: the libraries' interpreters, and runs kept as JSON lines."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
CACHE = RESULTS / "cache"
BENCH = Path(os.environ.get("RUNG_BENCH") or ROOT.parent / "shared" / "bench")
SETTINGS = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "PYTHONHASHSEED": "0",  # SMAC depends on the order of sets
}
"""The environment variables of every run: one thread, and the same run again for the same seed."""


def interpreter(environment: str) -> Path:
    """Return the interpreter of an environment that setup_peers.sh makes."""
    return ROOT / environment / "bin" / "python"


def script(python: str | Path, name: str) -> list[str | Path]:
    """Return the command that runs a library's script, such as "league.with_optuna"; from ROOT."""
    return [python, "-m", f"benchmarks.{name}"]


def ask(command: Sequence[str | Path], settings: Mapping[str, str] | None = None) -> Any:
    """Return what a library's script prints, from JSON; `settings` are variables of its environment."""
    environment = os.environ | (settings or {})
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT, env=environment)
    return json.loads(done.stdout)


def lines(command: Sequence[str | Path]) -> Iterator[dict[str, Any]]:
    """Yield each JSON line that a library's script prints; RuntimeError if it fails."""
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            command, cwd=ROOT, env=os.environ | SETTINGS, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        yield from map(json.loads, process.stdout)
        if process.wait():
            errors.seek(0)
            raise RuntimeError(errors.read())


def lacking(groups: Mapping[Any, int], found: Container[Any]) -> list[list[Any]]:
    """Return of each group, a key without a seed, the keys of its first seeds that are not found, if any."""
    keys = ([group._replace(seed=seed) for seed in range(n)] for group, n in groups.items())
    return [missing for some in keys if (missing := [key for key in some if key not in found])]


def execute_all(
    missing: Sequence[Sequence[Any]],
    execute: Callable[[Any], Iterator[tuple[Any, Any]]],
    take: Callable[[Any, Any], None],
    jobs: int,
) -> None:
    """Execute groups of keys, `jobs` at once; `take(key, run)` gets each run as it is done, one at a time."""
    left, lock = sum(map(len, missing)), Lock()

    def run(keys: Sequence[Any]) -> None:
        nonlocal left
        for key, result in execute(keys):
            with lock:
                take(key, result)
                left -= 1
                print(f"\r{left} runs to go ", end="", file=sys.stderr)

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(run, missing))
    print(file=sys.stderr)


def kept(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of a file of JSON lines; none if there is no file."""
    if path.exists():
        yield from map(json.loads, path.read_text().splitlines())


def keep(path: Path, record: Mapping[str, Any]) -> None:
    """Append a record to a file of JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(record) + "\n")


def save(name: str, text: str) -> None:
    """Print a table, and leave it in results/."""
    print(text, end="")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / name).write_text(text)


def version(python: str | Path, package: str) -> str:
    code = f"from importlib.metadata import version; print(version({package!r}))"
    return subprocess.run([python, "-c", code], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def machine() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
    }


def verdict(met: bool) -> str:
    return "met" if met else "MISSED"
