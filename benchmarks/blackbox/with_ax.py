"""Ax's part of blackbox/, run by the interpreter in .peers-ax: its client, with the strategy it chooses.

A hyperparameter may depend on one value of another there, but those of the space here depend on two. So it
sets all of them, and those that are not active change nothing; its default model makes trees flat just so.
"""

from __future__ import annotations

import logging
import warnings
from importlib.metadata import version
from typing import Any

from ax.api.client import Client
from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig
from benchmarks.blackbox.tasks import Objective, Space, main

logging.disable(logging.WARNING)
warnings.simplefilter("ignore")


def parameter_of(domain: dict[str, Any]) -> ChoiceParameterConfig | RangeParameterConfig:
    if domain["type"] == "cat":
        return ChoiceParameterConfig(domain["name"], domain["choices"], "str", is_ordered=False)
    bounds, scaling = (domain["low"], domain["high"]), "log" if domain["log"] else "linear"
    return RangeParameterConfig(domain["name"], bounds, domain["type"], scaling=scaling)


def search(_method: str, objective: Objective, space: Space, seed: int, trials: int) -> None:
    client = Client(random_seed=seed)
    client.configure_experiment([parameter_of(d) for d in space])
    client.configure_optimization(objective="-loss")
    for _ in range(trials):
        ((index, config),) = client.get_next_trials(max_trials=1).items()
        client.complete_trial(index, raw_data={"loss": objective(config)})


if __name__ == "__main__":
    main({"default": version("ax-platform")}, search)
