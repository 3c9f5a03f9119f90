"""Syne Tune's part of stopping/, run by the interpreter in .peers-syne, on the clock of multifidelity/."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime

import numpy as np
from benchmarks.multifidelity.tasks import ETA, Config, Curves, drive
from benchmarks.multifidelity.with_syne import MADE
from benchmarks.stopping.tasks import WORKERS, Point, main
from syne_tune.backend.trial_status import Trial
from syne_tune.optimizer.scheduler import SchedulerDecision
from syne_tune.optimizer.schedulers.multiobjective.moasha import MOASHA

logging.getLogger().setLevel(logging.ERROR)


class Tuner:
    """Its MO-ASHA, which stops, with random configurations, behind ask and report."""

    def __init__(self, curves: Curves, seed: int) -> None:
        np.random.seed(seed)  # noqa: NPY002, TID251 - it draws configurations from there
        domains = {d["name"]: MADE[d["type"], d["log"]](d["low"], d["high"]) for d in curves.space}
        self.scheduler = MOASHA(
            domains, metrics=["loss", "seconds"], time_attr="epoch", max_t=curves.epochs, grace_period=1,
            reduction_factor=ETA, random_seed=seed,
        )  # fmt: skip
        self.curves, self.trials = curves, 0
        self.seconds: list[float] = []
        """Of training, at each report in order."""

    def ask(self) -> tuple[Trial, Config]:
        trial = Trial(self.trials, self.scheduler.suggest().config, datetime(2000, 1, 1))  # noqa: DTZ001
        self.trials += 1
        self.scheduler.on_trial_add(trial)
        return trial, trial.config

    def report(self, trial: Trial, epoch: int, loss: float) -> bool:
        curve = self.curves.curve(trial.config)
        self.seconds.append(sum(curve.at(e)[1] for e in range(1, epoch + 1)))
        result = {"loss": loss, "seconds": self.seconds[-1], "epoch": epoch}
        if self.scheduler.on_trial_result(trial, result) == SchedulerDecision.CONTINUE:
            return True
        self.scheduler.on_trial_remove(trial)
        return False


def run(_method: str, curves: Curves, seed: int) -> Iterator[Point]:
    tuner = Tuner(curves, seed)
    reported = drive(tuner, curves, WORKERS)
    for (when, loss), seconds in zip(reported, tuner.seconds, strict=True):
        yield when, loss, seconds


if __name__ == "__main__":
    main(run)
