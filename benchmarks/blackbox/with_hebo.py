"""HEBO's part of blackbox/, run by the interpreter in .peers-hebo: suggest and observe.

Its spaces know no conditions: it sets all hyperparameters, and those that are not active change nothing.
"""

from __future__ import annotations

import warnings
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from benchmarks.blackbox.tasks import Objective, Space, main
from hebo.design_space.design_space import DesignSpace
from hebo.optimizers.hebo import HEBO
from pymoo.config import Config

warnings.simplefilter("ignore")
Config.warnings["not_compiled"] = False


def parameter_of(domain: dict[str, Any]) -> dict[str, Any]:
    if domain["type"] == "cat":
        return {"name": domain["name"], "type": "cat", "categories": domain["choices"]}
    kind = {
        ("float", False): "num",
        ("float", True): "pow",
        ("int", False): "int",
        ("int", True): "pow_int",
    }[domain["type"], domain["log"]]
    return {"name": domain["name"], "type": kind, "lb": domain["low"], "ub": domain["high"]}


def search(_method: str, objective: Objective, space: Space, seed: int, trials: int) -> None:
    np.random.seed(seed)  # noqa: NPY002, TID251 - its evolution draws from there
    torch.manual_seed(seed)
    optimizer = HEBO(DesignSpace().parse([parameter_of(d) for d in space]), scramble_seed=seed)
    for _ in range(trials):
        suggested = optimizer.suggest(n_suggestions=1)
        loss = objective(suggested.iloc[0].to_dict())
        optimizer.observe(suggested, np.array([[loss]]))


if __name__ == "__main__":
    main({"default": version("HEBO")}, search)
