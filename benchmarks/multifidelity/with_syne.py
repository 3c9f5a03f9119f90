"""Syne Tune's part of multifidelity/, run by the interpreter in .peers-syne.

Its scheduler is driven as its Tuner would, on the shared virtual clock. Its own simulator would charge it
delays and the seconds that its decisions take, which nobody else pays here.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime

import numpy as np
import syne_tune
from benchmarks.multifidelity.tasks import ETA, Config, Curves, Reported, drive, main, random_configs
from syne_tune import config_space
from syne_tune.backend.trial_status import Trial
from syne_tune.optimizer.baselines import ASHA, ASHABORE, ASHACQR, BOHB
from syne_tune.optimizer.scheduler import SchedulerDecision

logging.getLogger().setLevel(logging.ERROR)
RANDOM = "random, asha"
METHODS = {RANDOM: ASHA, "CQR, asha": ASHACQR, "BORE, asha": ASHABORE, "BOHB, asha": BOHB}
MADE = {
    ("int", True): config_space.lograndint,
    ("int", False): config_space.randint,
    ("float", True): config_space.loguniform,
    ("float", False): config_space.uniform,
}


class Tuner:
    """Syne Tune's ASHA (it stops, it does not promote) with one of its searchers behind ask and report."""

    def __init__(self, method: str, curves: Curves, seed: int) -> None:
        np.random.seed(seed)  # noqa: NPY002, TID251 - BORE draws its first configurations from there
        domains = {d["name"]: MADE[d["type"], d["log"]](d["low"], d["high"]) for d in curves.space}
        self.scheduler = METHODS[method](
            domains, metric="loss", time_attr="epoch", max_t=curves.epochs, grace_period=1,
            reduction_factor=ETA, random_seed=seed,
        )  # fmt: skip
        # rung's random configurations; as points_to_evaluate they would take minutes
        self.configs = random_configs(seed) if method == RANDOM else None
        self.trials = 0

    def ask(self) -> tuple[Trial, Config]:
        config = self.configs[self.trials] if self.configs else self.scheduler.suggest().config
        trial = Trial(self.trials, config, datetime(2000, 1, 1))  # noqa: DTZ001 - as it makes them
        self.trials += 1
        self.scheduler.on_trial_add(trial)
        return trial, trial.config

    def report(self, trial: Trial, epoch: int, loss: float) -> bool:
        decision = self.scheduler.on_trial_result(trial, {"loss": loss, "epoch": epoch})
        if decision == SchedulerDecision.CONTINUE:
            return True
        self.scheduler.on_trial_remove(trial)
        return False


def run(method: str, curves: Curves, workers: int, seed: int) -> tuple[list[Reported], int]:
    tuner = Tuner(method, curves, seed)
    return drive(tuner, curves, workers), tuner.trials


if __name__ == "__main__":
    if sys.argv[1] == "--methods":
        print(json.dumps(dict.fromkeys(METHODS, syne_tune.__version__)))
    else:
        main(run)
