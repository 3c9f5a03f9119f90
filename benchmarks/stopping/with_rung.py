"""rung's part of stopping/, run by the interpreter in .peers-bench: random search and a scheduler."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.multifidelity.tasks import Curves
from benchmarks.multifidelity.with_rung import space_of
from benchmarks.stopping.tasks import WORKERS, Point, main

import rung


def run(method: str, curves: Curves, seed: int) -> Iterator[Point]:
    def epoch_of(config: dict, epoch: int) -> tuple[dict[str, float], float]:
        curve = curves.curve(config)
        used = sum(curve.at(e)[1] for e in range(1, epoch + 1))
        loss, seconds = curve.at(epoch)
        return {"loss": loss, "seconds": used}, seconds

    study = rung.simulate(
        space_of(curves.space), epoch_of, metric={"loss": "min", "seconds": "min"}, n_workers=WORKERS,
        max_resource=curves.epochs, searcher="random", scheduler=method, timeout=curves.end, seed=seed,
    )  # fmt: skip
    for trial in study.trials:
        for report in trial.reports:
            yield report.t, report.metrics["loss"], report.metrics["seconds"]


if __name__ == "__main__":
    main(run)
