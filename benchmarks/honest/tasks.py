"""Noisy tuning tasks whose truth is known: surrogates with noise added, and a table of a small net."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from benchmarks.blackbox.tasks import Space, active, task_of
from benchmarks.runs import BENCH, RESULTS

import rung

NOISE = {
    "none": 0.0,
    "gaussian .03": 0.03,
    "gaussian .1": 0.1,
    "gaussian .3": 0.3,
    "t3 .1": 0.1,
    "hetero .1": 0.1,
}
"""Kinds, with the standard deviation in units of (median random configuration - best known)."""
TABLE = RESULTS / "honest_digits.json"
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


def surrogate(name: str, kind: str) -> Noisy:
    task, known = task_of(name), dict[str, float]()

    def truth(config: Mapping[str, Any]) -> float:
        plain = active(task.space, config)
        key = json.dumps(plain, sort_keys=True)
        if key not in known:
            known[key] = float(task.regret(task.evaluate(plain)["loss"]))
        return known[key]

    def run(config: Mapping[str, Any], seed: int) -> tuple[float, float]:
        # Noise of a seed is another one for another configuration: the split is fixed.
        own = zlib.crc32(json.dumps(active(task.space, config), sort_keys=True).encode())
        scale = NOISE[kind] * (
            np.exp(0.8 * np.random.default_rng(own).standard_normal()) if "hetero" in kind else 1
        )
        rng = np.random.default_rng((own, seed))
        a, b = rng.standard_t(3, 2) / np.sqrt(3) if kind.startswith("t3") else rng.standard_normal(2)
        return truth(config) + scale * a, truth(config) + _TEST + scale * b

    return Noisy(name, _space(task.space), truth, lambda config: truth(config) + _TEST, run)


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


def digits() -> Noisy:
    """A table of a net on scikit-learn's digits: configurations by seeds, which draw the split too."""
    if not TABLE.exists():
        TABLE.write_text(json.dumps(trained()))
    table = json.loads(TABLE.read_text())
    rows = {json.dumps(c, sort_keys=True): i for i, c in enumerate(table["configs"])}
    validation, test = np.array(table["validation"]), np.array(table["test"])
    means, test_means = validation.mean(axis=1), test.mean(axis=1)
    best, median = means.min(), np.median(means)

    def row(config: Mapping[str, Any]) -> int:
        return rows[json.dumps(table["configs"][config["row"]], sort_keys=True)]

    def scaled(error: float) -> float:
        return float((error - best) / (median - best))

    def run(config: Mapping[str, Any], seed: int) -> tuple[float, float]:
        column = int(np.random.default_rng(seed).integers(validation.shape[1]))
        return scaled(validation[row(config), column]), scaled(test[row(config), column])

    return Noisy(
        "digits", {"row": rung.Categorical(list(range(len(rows))))}, lambda c: scaled(means[row(c)]),
        lambda c: scaled(test_means[row(c)]), run, trials=40,
    )  # fmt: skip


def trained(configs: int = 48, seeds: int = 16) -> dict[str, Any]:
    """Train every configuration on every seed: some minutes on one core."""
    import warnings

    from sklearn.datasets import load_digits
    from sklearn.neural_network import MLPClassifier

    warnings.filterwarnings("ignore")
    images, labels = load_digits(return_X_y=True)
    rng, chosen, validation, test = np.random.default_rng(0), [], [], []
    for _ in range(configs):
        config = {
            "learning_rate": float(10 ** rng.uniform(-3.5, -1.5)), "units": int(2 ** rng.uniform(3, 6.5)),
            "alpha": float(10 ** rng.uniform(-5, 0)), "batch_size": int(2 ** rng.uniform(4, 7)),
        }  # fmt: skip
        errors = []
        for seed in range(seeds):
            order = np.random.default_rng(seed).permutation(len(images))
            fit, val, rest = order[:300], order[300:450], order[450:]
            net = MLPClassifier(
                (config["units"],), learning_rate_init=config["learning_rate"], alpha=config["alpha"],
                batch_size=config["batch_size"], max_iter=8, random_state=seed,
            ).fit(images[fit] / 16, labels[fit])  # fmt: skip
            errors.append([round(1 - net.score(images[part] / 16, labels[part]), 5) for part in (val, rest)])
        chosen.append(config)
        validation.append([a for a, _ in errors])
        test.append([b for _, b in errors])
    return {"configs": chosen, "validation": validation, "test": test}
