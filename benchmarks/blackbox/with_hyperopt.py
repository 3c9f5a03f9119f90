"""Hyperopt's part of blackbox/, run by the interpreter in .peers-hyperopt: `fmin` with `tpe.suggest`.

A hyperparameter that others depend on is an `hp.choice` of dicts, each with what is active beside it.
"""

from __future__ import annotations

import math
from importlib.metadata import version
from typing import Any

import numpy as np
from benchmarks.blackbox.tasks import Config, Objective, Space, main
from hyperopt import fmin, hp, tpe


def node_of(domain: dict[str, Any]) -> Any:
    """A node of the search space.

    An integer is a rounded number from half below its low to half above its high, so that its ends are as
    likely as the others; what rounds beyond is set back in `config_of`.
    """
    name = domain["name"]
    if domain["type"] == "cat":
        return hp.choice(name, domain["choices"])
    low, high = domain["low"], domain["high"]
    if domain["type"] == "int":
        low, high = low - 0.5, high + 0.5
        if domain["log"]:
            return hp.qloguniform(name, math.log(low), math.log(high), 1)
        return hp.quniform(name, low, high, 1)
    if domain["log"]:
        return hp.loguniform(name, math.log(low), math.log(high))
    return hp.uniform(name, low, high)


def tree_of(space: Space) -> dict[str, Any]:
    """The search space: what is always active; under a parent's name, its choices with their children."""
    children: dict[str, Space] = {}
    for domain in space:
        if "when" in domain:
            children.setdefault(domain["when"]["name"], []).append(domain)
    nodes = {d["name"]: node_of(d) for d in space if d["name"] not in children}
    for parent in (d for d in space if d["name"] in children):
        options = [
            {parent["name"]: choice}
            | {d["name"]: nodes[d["name"]] for d in children[parent["name"]] if choice in d["when"]["in"]}
            for choice in parent["choices"]
        ]
        nodes[parent["name"]] = hp.choice(parent["name"], options)
    return {d["name"]: nodes[d["name"]] for d in space if "when" not in d}


def config_of(chosen: dict[str, Any], space: Space) -> Config:
    config: Config = {}
    for name, value in chosen.items():
        config |= value if isinstance(value, dict) else {name: value}
    for d in space:
        if d["type"] == "int" and d["name"] in config:
            config[d["name"]] = int(min(max(config[d["name"]], d["low"]), d["high"]))
    return config


def search(_method: str, objective: Objective, space: Space, seed: int, trials: int) -> None:
    fmin(
        lambda chosen: objective(config_of(chosen, space)), tree_of(space),
        algo=tpe.suggest, max_evals=trials, rstate=np.random.default_rng(seed),
        show_progressbar=False, verbose=False,
    )  # fmt: skip


if __name__ == "__main__":
    main({"TPE": version("hyperopt")}, search)
