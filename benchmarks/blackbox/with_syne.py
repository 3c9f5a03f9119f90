"""Syne Tune's part of blackbox/, run by the interpreter in .peers-syne: CQR and BORE.

Its spaces know no conditions: it sets all hyperparameters, and those that are not active change nothing.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

import numpy as np
import syne_tune
from benchmarks.blackbox.tasks import Objective, Space, main
from syne_tune import config_space
from syne_tune.backend.trial_status import Trial
from syne_tune.optimizer.baselines import BORE, CQR

logging.getLogger().setLevel(logging.ERROR)
METHODS = {"CQR": CQR, "BORE": BORE}
MADE = {
    ("int", True): config_space.lograndint,
    ("int", False): config_space.randint,
    ("float", True): config_space.loguniform,
    ("float", False): config_space.uniform,
}


def domain_of(domain: dict[str, Any]) -> config_space.Domain:
    if domain["type"] == "cat":
        return config_space.choice(domain["choices"])
    return MADE[domain["type"], domain["log"]](domain["low"], domain["high"])


def search(method: str, objective: Objective, space: Space, seed: int, trials: int) -> None:
    np.random.seed(seed)  # noqa: NPY002, TID251 - BORE draws its first configurations from there
    domains = {d["name"]: domain_of(d) for d in space}
    scheduler = METHODS[method](domains, metric="loss", random_seed=seed)
    for number in range(trials):
        config = scheduler.suggest().config
        trial = Trial(number, config, datetime(2000, 1, 1))  # noqa: DTZ001 - as it makes them
        scheduler.on_trial_complete(trial, {"loss": objective(config)})


if __name__ == "__main__":
    main(dict.fromkeys(METHODS, syne_tune.__version__), search)
