"""Early stopping on real learning curves, beside Optuna and Syne Tune: `python -m benchmarks.multifidelity`.

Needs `benchmarks/setup_peers.sh`. Runs are kept in results/cache, so that a later call continues; the table
and the plot are saved beside it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache
from math import inf
from pathlib import Path
from statistics import mean, median, median_high, median_low
from typing import Any, NamedTuple

import numpy as np
from benchmarks import runs as shared
from benchmarks.runs import BENCH, RESULTS, interpreter, keep, kept, machine, save, verdict

CACHE = shared.CACHE / "multifidelity.jsonl"
PYTHONS = {
    "rung": interpreter(".peers-bench"),
    "optuna": interpreter(".peers"),
    "syne": interpreter(".peers-syne"),
}
FIFO, ASHA, LEARNING = ("rung", "random, fifo"), ("rung", "random, asha"), ("rung", "auto, asha")
LEARN = {("syne", f"{searcher}, asha") for searcher in ("BOHB", "BORE", "CQR")}
"""Peers that learn from what stopped trials reported: what rung's ASHA is measured by when it learns, too."""
PROTOCOL = 1
"""Raised when what a run means changes: the cache then counts for nothing."""
BRIEF = {
    ("optuna", "TPE, successive halving", 16): 0.2,
    ("optuna", "TPE, hyperband", 16): 0.2,
    ("syne", "BORE, asha", 4): 0.2,
    ("syne", "CQR, asha", 4): 0.2,
}
"""Runs that are broken off at a share of the budget, as they take minutes; later counts as never."""


class Key(NamedTuple):
    """What a run is of; `stamp` is the version of the library, of rung also a digest of the algorithm."""

    library: str
    method: str
    stamp: str
    task: str
    workers: int
    seed: int
    untrained: bool
    protocol: int = PROTOCOL
    until: float = 1.0
    """The share of the budget at which the run is broken off."""


@dataclass(frozen=True)
class Run:
    """What a run left: when the lowest loss so far fell, and to what, in virtual seconds."""

    budget: float
    trials: int
    reports: int
    wall: float
    incumbents: list[tuple[float, float]]

    @property
    def final(self) -> float:
        return self.incumbents[-1][1]

    def reaches(self, loss: float) -> float:
        """The share of the budget after which the incumbent is at least as good; inf if never."""
        return next((when for when, found in self.incumbents if found <= loss), inf) / self.budget

    def at(self, shares: np.ndarray) -> np.ndarray:
        """The incumbent after these shares of the budget; inf before the first report."""
        when = np.array([t for t, _ in self.incumbents]) / self.budget
        losses = np.array([inf] + [loss for _, loss in self.incumbents])
        return losses[np.searchsorted(when, shares, side="right")]


Runs = dict[Key, Run]


# ---------------------------------------------------------------- running


def script(library: str) -> list[str | Path]:
    return shared.script(PYTHONS[library], f"multifidelity.with_{library}")


def ask(library: str, *arguments: str) -> Any:
    """What a library's script prints, from JSON."""
    return shared.ask([*script(library), *arguments])


def version(library: str, package: str) -> str:
    return shared.version(PYTHONS[library], package)


def methods(pattern: str) -> dict[tuple[str, str], str]:
    """(library, method) to stamp, of those whose name contains the pattern, and of random with fifo."""
    return {
        (library, method): stamp
        for library in PYTHONS
        for method, stamp in ask(library, "--methods").items()
        if pattern in f"{library} {method}" or (library, method) == FIFO
    }


def cached() -> Runs:
    runs: Runs = {}
    for record in kept(CACHE):
        key = Key(**{name: record.pop(name) for name in Key._fields if name in record})
        runs[key] = Run(**record)
    return runs


def share_configs(task: str, seed: int) -> None:
    """Leave what rung's random search proposes where the others' random methods read it."""
    path = CACHE.parent / f"configs-{seed}.json"
    if not path.exists():
        CACHE.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(ask("rung", "--configs", task, str(seed))))


def execute(missing: list[Key]) -> Iterator[tuple[Key, Run]]:
    """Run the seeds of one method on one task in one process; yields each as it is done."""
    first = missing[0]
    seeds = [str(key.seed) for key in missing]
    command = [*script(first.library), first.method, first.task, str(first.workers), *seeds]
    command += ["--untrained"] * first.untrained + ["--until", str(first.until)]
    try:
        for record in shared.lines(command):
            yield first._replace(seed=record.pop("seed")), Run(**record)
    except RuntimeError as error:
        raise SystemExit(f"{first.library} {first.method}, task {first.task}, failed:\n{error}") from error


def complete(groups: dict[Key, int], jobs: int) -> Runs:
    """Run the seeds that lack of these groups (keys without a seed); returns all runs of them that there are.

    Without those of a method that lacks a task: tasks differ more than methods do.
    """
    runs = cached()
    missing = shared.lacking(groups, runs)

    def take(key: Key, run: Run) -> None:
        runs[key] = run
        keep(CACHE, key._asdict() | asdict(run))

    for seed in {key.seed for some in missing for key in some}:
        share_configs(next(iter(groups)).task, seed)
    shared.execute_all(missing, execute, take, jobs)
    found = {
        group: [key for key in sorted(runs, key=lambda key: key.seed) if key._replace(seed=-1) == group]
        for group in groups
    }
    partial = {(*group[:2], group.workers) for group, some in found.items() if not some}
    return {
        key: runs[key]
        for group, some in found.items()
        if (*group[:2], group.workers) not in partial
        for key in some
    }


# ---------------------------------------------------------------- the table


@dataclass(frozen=True)
class Row:
    """What the runs of a method say."""

    name: str
    ratios: dict[str, dict[int, float]]
    """Of each task and seed, the share of the budget until random fifo's final loss is reached."""
    regrets: list[float]
    """At the end of the budget, of the runs that got there."""
    trials: float
    wall: float

    @property
    def by_task(self) -> dict[str, float]:
        return {task: median_low(ratios.values()) for task, ratios in self.ratios.items()}

    @property
    def median_task(self) -> float:
        return median(self.by_task.values())

    def on_seeds_of(self, peer: Row) -> Row:
        """The same of the seeds that both have: the random methods try the same configurations there."""
        both = {
            task: {seed: ratio for seed, ratio in ratios.items() if seed in peer.ratios[task]}
            for task, ratios in self.ratios.items()
        }
        return replace(self, ratios=both)

    def __str__(self) -> str:
        ratios = [ratio for some in self.ratios.values() for ratio in some.values()]
        low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75], method="inverted_cdf")
        worst = max(self.by_task.values())
        return (
            f"{self.name:36}{len(ratios):5}{share(self.median_task):>9}{1 / self.median_task:>8.1f}x"
            f"{share(worst):>9}  {share(low):>7}{share(middle):>7}{share(high):>7}"
            f"{f'{mean(self.regrets):.4f}' if self.regrets else '-':>9}{self.trials:>9.0f}{self.wall:>8.1f}"
        )


HEADER = (
    f"{'':36}{'runs':>5}{'median':>9}{'speed-':>9}{'slowest':>9}  {'all runs: quartiles':>21}"
    f"{'regret':>9}{'trials':>9}{'wall s':>8}\n"
    f"{'':36}{'':5}{'task':>9}{'up':>9}{'task':>9}  {'1st':>7}{'2nd':>7}{'3rd':>7}{'at end':>9}{'begun':>9}\n"
)


def share(ratio: float) -> str:
    return f"{ratio:.3f}" if ratio < inf else "> 1"


@cache
def references() -> dict[str, Any]:
    return json.loads((BENCH / "references.json").read_text())


def regret(task: str, loss: Any) -> Any:
    """0 is the best known loss of the task, 1 that of the median random configuration."""
    known = references()[f"lcbench/{task}"]
    return (loss - known["best"]) / (known["median"] - known["best"])


def rows(runs: Runs, workers: int) -> dict[tuple[str, str], Row]:
    """A row for each method with that many workers; none if random search with fifo lacks."""
    here = {key: run for key, run in runs.items() if key.workers == workers}
    finals: dict[str, list[float]] = {}
    for key, run in here.items():
        if key[:2] == FIFO:
            finals.setdefault(key.task, []).append(run.final)
    if not finals:
        return {}
    goals = {task: median_high(losses) for task, losses in finals.items()}
    grouped: dict[tuple[str, str], Runs] = {}
    for key, run in here.items():
        grouped.setdefault(key[:2], {})[key] = run
    return {method: row(" ".join(method), some, goals) for method, some in grouped.items()}


def row(name: str, runs: Runs, goals: dict[str, float]) -> Row:
    ratios: dict[str, dict[int, float]] = {}
    for key, run in runs.items():
        ratios.setdefault(key.task, {})[key.seed] = run.reaches(goals[key.task])
    regrets = [regret(key.task, run.final) for key, run in runs.items() if key.until == 1]
    trials, wall = (mean(getattr(run, name) for run in runs.values()) for name in ("trials", "wall"))
    return Row(name, ratios, regrets, trials, wall)


def targets(table: dict[tuple[str, str], Row]) -> Iterator[str]:
    """What rung promises of its ASHA, and whether these runs kept it."""
    if ASHA not in table:
        return
    ours = table[ASHA]
    faster = table[FIFO].median_task / ours.median_task
    yield (
        f"at least 3 times faster than random fifo: {verdict(faster >= 3)}: {faster:.1f} times its own time,"
        f" {1 / ours.median_task:.1f} times its budget"
    )
    yield from against(ours, [row for method, row in table.items() if method not in LEARN])


def against(ours: Row, table: Iterable[Row]) -> Iterator[str]:
    """Whether one of ours is at least as fast as each peer in the table."""
    for peer in table:
        if not peer.name.startswith("rung "):
            same = ours.on_seeds_of(peer)
            ahead = sum(same.by_task[task] <= ratio for task, ratio in peer.by_task.items())
            runs = sum(map(len, same.ratios.values()))
            yield (
                f"not slower than {peer.name}: {verdict(same.median_task <= peer.median_task)}:"
                f" {share(same.median_task)} to {share(peer.median_task)} on the same {runs} runs,"
                f" ahead on {ahead} of {len(peer.by_task)} tasks"
            )


def learning(runs: Runs, workers: int) -> Iterator[str]:
    """What rung promises of its ASHA when the searcher learns; seeds are compared with the same of random."""
    found = {(key[:2], key.task, key.seed): run for key, run in runs.items() if key.workers == workers}
    ratios: dict[str, list[float]] = {}
    for (method, task, seed), run in found.items():
        if method == LEARNING and (random := found.get((ASHA, task, seed))):
            goal = random.final
            ratios.setdefault(task, []).append(run.reaches(goal) / random.reaches(goal))
    if ratios:
        middle = median(median_high(some) for some in ratios.values())
        yield (
            f"reaches the end loss of random, asha in at most 0.6 of its time: {verdict(middle <= 0.6)}:"
            f" {share(middle)} on the median task, {sum(map(len, ratios.values()))} runs"
        )


def versions() -> dict[str, str]:
    packages = (("rung", "rung"), ("optuna", "optuna"), ("syne", "syne-tune"), ("rung", "numpy"))
    return {
        **{package: version(library, package) for library, package in packages},
        **machine(),
    }


def report(runs: Runs, workers: list[int], tasks: list[str], epochs: int) -> str:
    lines = [", ".join(f"{name} {value}" for name, value in versions().items())]
    lines += [f"LCBench, {epochs} epochs, tasks {', '.join(tasks)}; times are shares of the budget"]
    for number in workers:
        table = rows(runs, number)
        if FIFO not in table:
            lines += ["", f"{number} workers: no runs of {' '.join(FIFO)}, which the others are measured by"]
            continue
        lines += ["", f"{number} workers", HEADER + "\n".join(map(str, table.values()))]
        lines += [f"rung random, asha {line}" for line in targets(table)]
        lines += [f"rung auto, asha {line}" for line in learning(runs, number)]
        if LEARNING in table:
            lines += [f"rung auto, asha {line}" for line in against(table[LEARNING], table.values())]
    return "\n".join(lines) + "\n"


# ---------------------------------------------------------------- the plot


def plot(runs: Runs, workers: list[int], path: Path) -> None:
    """Median regret over time, with quartiles, of every method; a panel for each number of workers."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(
        1, len(workers), figsize=(6 * len(workers), 4.8), sharey=True, squeeze=False
    )
    for panel, number in zip(panels[0], workers, strict=True):
        for index, method in enumerate(dict.fromkeys(key[:2] for key in runs)):
            some = {key: run for key, run in runs.items() if key[:2] == method and key.workers == number}
            if some:
                draw(panel, " ".join(method), some, f"C{index % 10}", "-" if method[0] == "rung" else "--")
        panel.set(title=f"{number} workers", xlabel="share of the budget", xscale="log", yscale="log")
    panels[0][0].set_ylabel("normalised regret: median, quartiles")
    panels[0][0].legend(fontsize=6)
    figure.tight_layout()
    figure.savefig(path, dpi=90)


def draw(panel: Any, name: str, runs: Runs, colour: str, style: str) -> None:
    shares = np.geomspace(0.01, 1, 200)
    shares = shares[shares <= min(key.until for key in runs)]
    curves = np.array([regret(key.task, run.at(shares)) for key, run in runs.items()])
    low, middle, high = np.quantile(curves, [0.25, 0.5, 0.75], axis=0, method="inverted_cdf")
    panel.plot(shares, middle, style, color=colour, label=name, linewidth=1.2)
    panel.fill_between(shares, low, high, color=colour, alpha=0.06, linewidth=0)


# ---------------------------------------------------------------- ASHA at scale


def scale() -> str:
    """What a report costs ASHA on 1,000 workers, as the study grows."""
    lines = [
        f"rung {version('rung', 'rung')}: ASHA, 1,000 workers in virtual time, a loss that costs nothing"
    ]
    lines += [f"{'reports':>10}{'trials':>10}{'seconds':>10}{'cpu s':>10}{'us/report':>11}"]
    for reports in (10_000, 50_000, 200_000):
        took = ask("rung", "--scale", str(reports))
        each = 1e6 * took["cpu"] / took["reports"]
        lines += [
            f"{took['reports']:>10}{took['trials']:>10}{took['seconds']:>10.1f}{took['cpu']:>10.1f}{each:>11.0f}"
        ]
    lines += [f"200,000 reports in less than 60 s of one core: {verdict(took['cpu'] < 60)}"]
    return "\n".join(lines) + "\n"


# ---------------------------------------------------------------- the command


def options() -> argparse.Namespace:
    split = json.loads((BENCH / "splits.json").read_text())["dev"]
    tasks = [name.split("/")[1] for name in split if name.startswith("lcbench/")]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--seeds", type=int, default=10, metavar="N", help="at least so many of rung's methods (10)"
    )
    parser.add_argument("--peer-seeds", type=int, metavar="N", help="of the others' (as --seeds)")
    parser.add_argument("--workers", type=int, nargs="+", default=[4, 16], metavar="N")
    parser.add_argument("--tasks", nargs="+", default=tasks, choices=tasks, metavar="ID", help=f"of {tasks}")
    parser.add_argument("--methods", default="", metavar="PART", help="those whose name contains it")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes at once (2)")
    parser.add_argument(
        "--untrained", action="store_true", help="count the report before training as an epoch"
    )
    parser.add_argument("--scale", action="store_true", help="only what a report costs on 1,000 workers")
    return parser.parse_args()


def groups_of(chosen: argparse.Namespace) -> dict[Key, int]:
    """What to run, as keys without a seed, and how many seeds of each."""
    peers = chosen.seeds if chosen.peer_seeds is None else chosen.peer_seeds

    def key(library: str, method: str, stamp: str, task: str, workers: int) -> Key:
        until = BRIEF.get((library, method, workers), 1.0)
        return Key(library, method, stamp, task, workers, -1, chosen.untrained, until=until)

    return {
        key(library, method, stamp, task, workers): chosen.seeds if library == "rung" else peers
        for workers in chosen.workers
        for (library, method), stamp in methods(chosen.methods).items()
        for task in chosen.tasks
    }


def main() -> None:
    missing = [str(python) for python in PYTHONS.values() if not python.exists()]
    if missing:
        raise SystemExit(f"no {', '.join(missing)}: run benchmarks/setup_peers.sh once")
    chosen = options()
    if chosen.scale:
        save("multifidelity_scale.txt", scale())
        return
    runs = complete(groups_of(chosen), chosen.jobs)
    name = "multifidelity_untrained" if chosen.untrained else "multifidelity"
    save(f"{name}.txt", report(runs, chosen.workers, chosen.tasks, 52 if chosen.untrained else 51))
    plot(runs, chosen.workers, RESULTS / f"{name}.png")


if __name__ == "__main__":
    main()
