"""SMAC's part of blackbox/, run by the interpreter in .peers-smac: by ask and tell."""

from __future__ import annotations

import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.blackbox.tasks import Objective, Space, main
from ConfigSpace import Categorical, ConfigurationSpace, Float, InCondition, Integer
from smac import HyperparameterOptimizationFacade, Scenario
from smac.runhistory.dataclasses import TrialValue


def parameter_of(domain: dict[str, Any]) -> Any:
    if domain["type"] == "cat":
        return Categorical(domain["name"], domain["choices"])
    kind = Integer if domain["type"] == "int" else Float
    return kind(domain["name"], (domain["low"], domain["high"]), log=domain["log"])


def space_of(space: Space, seed: int) -> ConfigurationSpace:
    made = ConfigurationSpace(seed=seed)
    made.add([parameter_of(d) for d in space])
    conditional = [d for d in space if "when" in d]
    made.add([InCondition(made[d["name"]], made[d["when"]["name"]], d["when"]["in"]) for d in conditional])
    return made


def search(_method: str, objective: Objective, space: Space, seed: int, trials: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made, output = space_of(space, seed), Path(folder)
        scenario = Scenario(made, deterministic=True, n_trials=trials, seed=seed, output_directory=output)
        smac = HyperparameterOptimizationFacade(scenario, logging_level=False)
        for _ in range(trials):
            trial = smac.ask()
            smac.tell(trial, TrialValue(cost=objective(dict(trial.config))))


if __name__ == "__main__":
    main({"random forest": version("smac")}, search)
