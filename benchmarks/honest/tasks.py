"""Noisy tuning tasks whose truth is known: surrogates with noise added, and a table of a small net."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from benchmarks.blackbox.tasks import Space, active, task_of
from benchmarks.honest.digits import configurations, table
from benchmarks.runs import BENCH

import rung

DIGITS = ("digits fixed", "digits fresh")
NOISE = {
    "none": 0.0,
    "gaussian .03": 0.03,
    "gaussian .1": 0.1,
    "gaussian .3": 0.3,
    "t3 .1": 0.1,
    "hetero .1": 0.1,
}
"""Kinds, with the standard deviation in units of (median random configuration - best known)."""
_TEST = 0.05
"""How much worse the test metric of a surrogate is than the tuned one, on average."""


@dataclass(frozen=True)
class Noisy:
    """A task: its space, the true loss of a configuration, and a run of it on a seed."""

    name: str
    space: dict[str, Any]
    truth: Callable[[Mapping[str, Any]], float]
    """0 is the best known configuration, 1 the median random one."""
    test: Callable[[Mapping[str, Any]], float]
    run: Callable[[Mapping[str, Any], int], tuple[float, float]]
    """The losses on validation and test set on this seed."""
    trials: int = 100
    """Runs in all."""
    described: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict
    described_by: Mapping[str, Any] | None = None
    """A configuration as a model can learn from it, and the space of these; None if it is `space`."""


def surrogate(name: str, kind: str) -> Noisy:
    plain_task, known = task_of(name), dict[str, float]()

    def truth(config: Mapping[str, Any]) -> float:
        plain = active(plain_task.space, config)
        key = json.dumps(plain, sort_keys=True)
        if key not in known:
            known[key] = float(plain_task.regret(plain_task.evaluate(plain)["loss"]))
        return known[key]

    def run(config: Mapping[str, Any], seed: int) -> tuple[float, float]:
        # Noise of a seed is another one for another configuration: the split is fixed.
        own = zlib.crc32(json.dumps(active(plain_task.space, config), sort_keys=True).encode())
        scale = NOISE[kind] * (
            np.exp(0.8 * np.random.default_rng(own).standard_normal()) if "hetero" in kind else 1
        )
        rng = np.random.default_rng((own, seed))
        a, b = rng.standard_t(3, 2) / np.sqrt(3) if kind.startswith("t3") else rng.standard_normal(2)
        return truth(config) + scale * a, truth(config) + _TEST + scale * b

    return Noisy(name, _space(plain_task.space), truth, lambda config: truth(config) + _TEST, run)


def _space(domains: Space) -> dict[str, Any]:
    return {d["name"]: _domain(d) for d in domains}


def _domain(d: Mapping[str, Any]) -> Any:
    if d["type"] == "cat":
        domain: Any = rung.Categorical(d["choices"])
    else:
        domain = (rung.Int if d["type"] == "int" else rung.Float)(d["low"], d["high"], log=bool(d.get("log")))
    if when := d.get("when"):
        domain = domain.when(rung.param(when["name"]).isin(when["in"]))
    return domain


def dev_tasks() -> list[str]:
    return list(json.loads((BENCH / "splits.json").read_text())["dev"])


# ---- a small net, trained for real


def digits(split: str) -> Noisy:
    """A table of a net on scikit-learn's digits; a "fresh" split is drawn by the seed."""
    errors, configs = table(), configurations()
    validation, test = errors[f"{split} validation"], errors[f"{split} test"]
    means, test_means = validation.mean(axis=1), test.mean(axis=1)
    best, median = means.min(), np.median(means)

    def scaled(error: float) -> float:
        return float((error - best) / (median - best))

    def run(config: Mapping[str, Any], seed: int) -> tuple[float, float]:
        column = int(np.random.default_rng(seed).integers(validation.shape[1]))
        return scaled(validation[config["row"], column]), scaled(test[config["row"], column])

    def truth(config: Mapping[str, Any]) -> float:
        return scaled(means[config["row"]])

    return Noisy(
        f"digits {split}", {"row": rung.Categorical(list(range(len(configs))))}, truth,
        lambda c: scaled(test_means[c["row"]]), run, trials=80,
        described=lambda c: configs[c["row"]], described_by=_OF_A_NET,
    )  # fmt: skip


_OF_A_NET = {
    "learning_rate": rung.Float(10**-3.5, 10**-1.5, log=True), "units": rung.Int(8, 91, log=True),
    "alpha": rung.Float(1e-5, 1, log=True), "batch_size": rung.Int(16, 128, log=True),
}  # fmt: skip


def task(kind: str, name: str) -> Noisy:
    return digits(name.split()[1]) if kind == name else surrogate(name, kind)
