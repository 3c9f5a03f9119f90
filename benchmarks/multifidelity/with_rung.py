"""rung's part of multifidelity/, run by the interpreter in .peers-bench; `--scale N`: 1,000 workers."""

from __future__ import annotations

import hashlib
import inspect
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

import rung
from rung.schedulers import ASHA, SCHEDULERS, Scheduler
from rung.study.streams import stream

# The searcher comes first in the name. The scheduler "auto" is asha where objectives report, as here.
METHODS: dict[str, Callable[[], Scheduler]] = {
    "random, fifo": SCHEDULERS["fifo"],
    "random, asha": ASHA,
    "random, asha stopping": partial(ASHA, "stopping"),
    "random, asha brackets=3": partial(ASHA, brackets=3),
    "random, asha min_resource=2": partial(ASHA, min_resource=2),
    "auto, asha": ASHA,
    **{f"random, {name}": new for name, new in SCHEDULERS.items() if name not in {"fifo", "asha", "auto"}},
}


def stamp(method: str, new: Callable[[], Scheduler]) -> str:
    """rung's version, and a digest of the files of the scheduler, and of all searchers if one learns."""
    own = Path(inspect.getsourcefile(type(new())))
    files = [own, *(file for file in sorted(own.parent.glob("_[!_]*.py")) if file.stem in own.read_text())]
    if not method.startswith("random"):
        files += sorted((own.parents[1] / "searchers").rglob("*.py"))
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files))
    return f"{version('rung')}+{digest.hexdigest()[:8]}"


def space_of(domains: list[dict]) -> dict[str, object]:
    kinds = {"int": rung.Int, "float": rung.Float}
    return {d["name"]: kinds[d["type"]](d["low"], d["high"], log=d["log"]) for d in domains}


def run(method: str, curves, workers: int, seed: int) -> tuple[list[tuple[float, float]], int]:
    def epoch_of(config: dict, epoch: int) -> tuple[dict[str, float], float]:
        loss, seconds = curves.curve(config).at(epoch)
        return {"loss": loss}, seconds

    study = rung.simulate(
        space_of(curves.space), epoch_of, metric="loss", n_workers=workers, max_resource=curves.epochs,
        searcher=method.partition(",")[0], scheduler=METHODS[method](), timeout=curves.end, seed=seed,
    )  # fmt: skip
    reported = sorted((r.t, r.metrics["loss"]) for trial in study.trials for r in trial.reports)
    return [entry for entry in reported if entry[0] <= curves.end], len(study.trials)


def configs(task: str, seed: int) -> list[dict]:
    """The first 20,000 configurations of random search; the same for every task, whose space is one."""
    from benchmarks.multifidelity.tasks import Curves

    space = rung.space.Space.of(space_of(Curves(task, untrained=False).space))
    return [dict(space.sample(stream(seed, "suggest", n))) for n in range(20_000)]


def scale(reports: int) -> dict[str, float]:
    """Seconds for about so many reports: 1,000 workers, 81 epochs of about 1 s, a loss that costs nothing."""

    def epoch_of(config: dict, epoch: int) -> tuple[dict[str, float], float]:
        return {"loss": config["x"] + config["y"] / epoch}, 0.5 + config["z"]

    space = {name: rung.Float(0, 1) for name in "xyz"}
    start, cpu = time.perf_counter(), time.process_time()
    study = rung.simulate(
        space, epoch_of, metric="loss", n_workers=1000, max_resource=81, scheduler="asha",
        timeout=reports / 1000, seed=0,
    )  # fmt: skip
    took = {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu}
    return {
        **took,
        "reports": sum(len(trial.reports) for trial in study.trials),
        "trials": len(study.trials),
    }


if __name__ == "__main__":
    if sys.argv[1] == "--methods":
        print(json.dumps({method: stamp(method, new) for method, new in METHODS.items()}))
    elif sys.argv[1] == "--configs":
        print(json.dumps(configs(sys.argv[2], int(sys.argv[3]))))
    elif sys.argv[1] == "--scale":
        print(json.dumps(scale(int(sys.argv[2]))))
    else:
        from benchmarks.multifidelity.tasks import main

        main(run)
