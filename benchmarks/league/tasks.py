"""The tasks of league/, by family; imported by the interpreters of all libraries, so it needs little.

A task's name says all that it is: "surrogates:lcbench/7593", "noisy:lcbench/7593/normal .1",
"coco:bbob/5/12", "real:mlp", "real-asha:mlp", "spaces:levels/2". `task_of` makes it, `names` lists those of
a family.
"""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.blackbox.tasks import BENCH, Config, Space, active
from numpy.random import Generator

sys.path.insert(0, str(BENCH))

REFERENCES = Path(__file__).resolve().parents[1] / "results" / "league_references.json"
"""Of each real training the least mean loss known and that of the median random configuration."""
FRESH = 5
"""Fresh seeds over which the loss of a configuration of a real training is averaged."""
NOISES = ("normal .03", "normal .1", "normal .3", "heavy", "varying")
REAL = ("svm", "softmax", "boosting", "mlp", "cnn")
CURVES = ("softmax", "mlp", "cnn")
"""Those of the real trainings that have epochs."""
DIMENSIONS = {"bbob": (2, 5, 10), "bbob-mixint": (5, 10)}


@dataclass(frozen=True)
class Task:
    """A configuration space, and what is known of the loss in it."""

    name: str
    space: Space
    evaluate: Callable[[Config, Generator], float]
    """The loss of a configuration as a trial would see it; not finite where it diverges."""
    truth: Callable[[Config], float]
    """Its loss without noise, or the mean over fresh seeds; not finite where it diverges."""
    best: float
    """The best loss known."""
    median: float
    """That of the median random configuration."""
    training: Any = None
    """A real training; see shared/bench/real.py."""


def names(family: str) -> list[str]:
    """The tasks of a family; none if the folder is not there that they need."""
    if family not in {"coco", "spaces"} and not BENCH.exists():
        return []
    if family in {"surrogates", "noisy"}:
        tasks = json.loads((BENCH / "splits.json").read_text())["dev"]
        if family == "surrogates":
            return [f"surrogates:{task}" for task in tasks]
        # One kind of noise for each task, another in the next one of its suite.
        return [f"noisy:{task}/{NOISES[i % len(NOISES)]}" for i, task in enumerate(tasks)]
    if family == "coco":
        return [f"coco:{suite}/{d}/{f}" for suite, ds in DIMENSIONS.items() for d in ds for f in range(1, 25)]
    if family == "real":
        return [f"real:{name}" for name in REAL]
    if family == "real-asha":
        return [f"real-asha:{name}" for name in CURVES]
    return [f"spaces:{name}/{variant}" for name in SPACES for variant in range(3)]


@cache
def task_of(name: str) -> Task:
    """The task of that name."""
    family, rest = name.split(":")
    if family == "surrogates":
        return _surrogate(name, rest)
    if family == "noisy":
        task, noise = rest.rsplit("/", 1)
        return _noisy(name, _surrogate(name, task), noise)
    if family == "coco":
        suite, d, function = rest.split("/")
        return _coco(name, suite, int(d), int(function))
    if family in {"real", "real-asha"}:
        return _real(name, rest)
    kind, variant = rest.split("/")
    return _synthetic(name, kind, int(variant))


def sample(space: Space, rng: Generator) -> Config:
    """A random configuration, its active hyperparameters only."""
    return active(space, {d["name"]: _draw(d, rng) for d in space})


def _draw(domain: dict[str, Any], rng: Generator) -> Any:
    if domain["type"] == "cat":
        return domain["choices"][rng.integers(len(domain["choices"]))]
    low, high = domain["low"], domain["high"]
    if domain["log"]:
        value = math.exp(rng.uniform(math.log(low), math.log(high)))
    else:
        value = rng.uniform(low, high)
    return min(max(round(value) if domain["type"] == "int" else value, low), high)


# ---------------------------------------------------------------- surrogates, without noise and with


def _surrogate(name: str, task: str) -> Task:
    from surrogates import Task as Surrogate

    found = Surrogate(*task.split("/"))

    def truth(config: Config) -> float:
        return found.evaluate(config)["loss"]

    return Task(
        name,
        found.space,
        lambda config, _: truth(config),
        truth,
        found.reference["best"],
        found.reference["median"],
    )


def _noisy(name: str, task: Task, noise: str) -> Task:
    scale = task.median - task.best
    kind, *level = noise.split()

    def evaluate(config: Config, rng: Generator) -> float:
        error, tail = rng.standard_normal(), rng.standard_t(2)
        if kind == "heavy":
            return task.truth(config) + 0.1 * scale * tail
        sd = float(level[0]) if level else 0.02 + 0.38 * _mean_place(task.space, config)
        return task.truth(config) + sd * scale * error

    return Task(name, task.space, evaluate, task.truth, task.best, task.median)


def _mean_place(space: Space, config: Config) -> float:
    """Where the active numbers of a configuration lie in their ranges on average, from 0 to 1."""
    places = [_place(d, config[d["name"]]) for d in space if d["type"] != "cat" and d["name"] in config]
    return float(np.mean(places))


def _place(domain: dict[str, Any], value: float) -> float:
    low, high = domain["low"], domain["high"]
    if domain["log"]:
        low, high, value = math.log(low), math.log(high), math.log(value)
    return (value - low) / (high - low)


# ---------------------------------------------------------------- COCO


def _coco(name: str, suite: str, d: int, function: int) -> Task:
    import cocoex

    problems = cocoex.Suite(suite, "instances:1", f"dimensions:{d} function_indices:{function}")
    problem = problems[0]
    whole = problem.number_of_integer_variables
    space: Space = []
    for i, (low, high) in enumerate(zip(problem.lower_bounds, problem.upper_bounds, strict=True)):
        bounds: dict[str, Any] = {"type": "float", "low": float(low), "high": float(high)}
        if i < whole:
            bounds = {"type": "int", "low": int(low), "high": int(high)}
        space.append({"name": f"x{i}", **bounds, "log": False})

    def truth(config: Config, _problems: Any = problems) -> float:  # a problem lives as long as its suite
        return float(problem([config[d["name"]] for d in space]))

    rng = np.random.default_rng(0)
    median = float(np.median([truth(sample(space, rng)) for _ in range(1000)]))
    return Task(name, space, lambda config, _: truth(config), truth, _optimum(problem), median)


def _optimum(problem: Any) -> float:
    """COCO writes the best parameter into a file of the working folder, and says it nowhere else."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            problem._best_parameter("print")
            best = np.loadtxt("._bbob_problem_best_parameter.txt")
        finally:
            os.chdir(before)
    return float(problem(best))


# ---------------------------------------------------------------- real trainings


def _real(name: str, which: str) -> Task:
    import real

    real._digits = cache(real._digits)  # else read from a file of text in each epoch: a third of the time
    (training,) = real.tasks([which])
    known = json.loads(REFERENCES.read_text())[which]

    def evaluate(config: Config, rng: Generator) -> float:
        return training.loss(config, int(rng.integers(2**31)))

    @cache
    def mean_of_fresh(config: tuple[tuple[str, Any], ...]) -> float:
        losses = [training.loss(dict(config), 10**6 + seed) for seed in range(FRESH)]
        return float(np.mean(losses))

    def truth(config: Config) -> float:
        return mean_of_fresh(tuple(config.items()))

    return Task(name, training.space, evaluate, truth, known["best"], known["median"], training)


# ---------------------------------------------------------------- spaces


def _float(name: str, low: float, high: float, log: bool = False, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "float", "low": low, "high": high, "log": log, **more}


def _int(name: str, low: int, high: int, log: bool = False, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "int", "low": low, "high": high, "log": log, **more}


def _cat(name: str, n: int, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "cat", "choices": [f"{name}{i}" for i in range(n)], **more}


Loss = Callable[[Config], float]
"""Of a space of the family "spaces"; its least value is 0."""


def _line(rng: Generator) -> tuple[Space, Loss]:
    """One learning rate with a narrow valley and a wide one beside it."""
    space = [_float("lr", 1e-6, 1, log=True)]
    narrow, wide = rng.permutation([0.3, 0.7]) + rng.uniform(-0.15, 0.15, 2)

    def loss(c: Config) -> float:
        x = _place(space[0], c["lr"])
        return min(1 - math.exp(-(((x - narrow) / 0.05) ** 2)), 1.2 - math.exp(-(((x - wide) / 0.2) ** 2)))

    return space, loss


def _many(rng: Generator) -> tuple[Space, Loss]:
    """Thirty hyperparameters, four of which matter."""
    space = [_float(f"x{i}", 0, 1) for i in range(30)]
    which, where = rng.choice(30, 4, replace=False), rng.uniform(0.1, 0.9, 4)

    def loss(c: Config) -> float:
        off = np.array([c[f"x{i}"] for i in which]) - where
        return float((np.array([4, 2, 1, 1]) * off**2).sum() + 0.5 * abs(off[0] * off[1]))

    return space, loss


def _levels(rng: Generator) -> tuple[Space, Loss]:
    """Five choices of 20 to 50 levels each, two of them in pairs that go together."""
    sizes = (20, 50, 30, 25, 40)
    space = [_cat(f"c{j}", n) for j, n in enumerate(sizes)]
    alone = [rng.exponential(1.0, n) for n in sizes]
    together = rng.exponential(0.5, (20, 50))
    pair = alone[0][:, None] + alone[1][None] + together
    least = pair.min() + sum(table.min() for table in alone[2:])

    def loss(c: Config) -> float:
        k = [int(c[f"c{j}"].removeprefix(f"c{j}")) for j in range(5)]
        return float(pair[k[0], k[1]] + sum(alone[j][k[j]] for j in (2, 3, 4)) - least)

    return space, loss


def _deep(rng: Generator) -> tuple[Space, Loss]:
    """Conditions beneath conditions: the best is in one branch of six, and two hyperparameters deep."""
    space = [
        _cat("model", 3),
        _cat("kind", 2, when={"name": "model", "in": ["model0", "model1"]}),
        _float("rate", 1e-4, 1, log=True, when={"name": "kind", "in": ["kind0"]}),
        _int("depth", 1, 12, when={"name": "kind", "in": ["kind1"]}),
        _float("leaf", 0, 1, when={"name": "model", "in": ["model2"]}),
        _float("shared", 0, 1),
    ]
    best = f"model{rng.integers(2)}"
    at = rng.uniform(0.15, 0.85, 3)

    def loss(c: Config) -> float:
        found = (c["shared"] - at[0]) ** 2
        if c["model"] == "model2":
            return 0.25 + found + (c["leaf"] - at[1]) ** 2
        extra = 0.0 if c["model"] == best else 0.15
        if c["kind"] == "kind0":
            return extra + found + 3 * (_place(space[2], c["rate"]) - at[2]) ** 2
        return extra + 0.1 + found + ((c["depth"] - 6) / 12) ** 2

    return space, loss


def _wide(rng: Generator) -> tuple[Space, Loss]:
    """A learning rate over fourteen decades, of which two are any good; above them it diverges."""
    space = [
        _float("lr", 1e-10, 1e4, log=True),
        _float("wd", 1e-12, 1, log=True),
        _int("units", 8, 512, log=True),
    ]
    best = rng.uniform(0.45, 0.75)

    def loss(c: Config) -> float:
        x, w, u = (_place(d, c[d["name"]]) for d in space)
        over = (x - best) * 14  # in decades
        if over > 1.0:
            return math.nan
        return (
            (1 - math.exp(-((over / 1.2) ** 2))) + 0.2 * max(w - 0.8, 0) * 5 * (1 + u) + 0.3 * (u - 0.7) ** 2
        )

    return space, loss


def _bound(rng: Generator) -> tuple[Space, Loss]:
    """Six hyperparameters, four of them best on a bound."""
    space = [_float(f"x{i}", 0, 1) for i in range(6)]
    at = np.concatenate([rng.integers(0, 2, 4), rng.uniform(0.2, 0.8, 2)])

    def loss(c: Config) -> float:
        off = np.abs(np.array([c[f"x{i}"] for i in range(6)]) - at)
        return float(off[:4].mean() + 2 * (off[4:] ** 2).sum() + off[0] * off[5])

    return space, loss


def _middle(rng: Generator) -> tuple[Space, Loss]:
    """Six hyperparameters of a narrow valley that bends through the middle."""
    space = [_float(f"x{i}", 0, 1) for i in range(6)]
    at, weights = 0.5 + rng.uniform(-0.15, 0.15, 6), rng.permutation([8, 4, 2, 1, 1, 0.5])

    def loss(c: Config) -> float:
        x = np.array([c[f"x{i}"] for i in range(6)]) - at
        x[1] += 2 * x[0] ** 2
        return float(np.log1p(10 * (weights * x**2).sum()))

    return space, loss


def _steps(rng: Generator) -> tuple[Space, Loss]:
    """Integers and choices in which much makes no difference: a staircase, with ties."""
    space = [_int("a", 1, 64, log=True), _int("b", 1, 20), _cat("c", 4), _float("d", 0, 1), _int("e", 0, 3)]
    at, order = rng.uniform(0.1, 0.9, 3), rng.permutation(4) / 8

    def loss(c: Config) -> float:
        off = [
            abs(_place(space[j], c[name]) - at[k])
            for k, (j, name) in enumerate(((0, "a"), (1, "b"), (3, "d")))
        ]
        return math.floor(12 * sum(off)) / 12 + float(order[int(c["c"][1:])]) + 0.1 * abs(c["e"] - 2)

    return space, loss


SPACES: dict[str, Callable[[Generator], tuple[Space, Loss]]] = {
    "line": _line,
    "many": _many,
    "levels": _levels,
    "deep": _deep,
    "wide": _wide,
    "bound": _bound,
    "middle": _middle,
    "steps": _steps,
}


def _synthetic(name: str, kind: str, variant: int) -> Task:
    rng = np.random.default_rng([variant, *map(ord, kind)])
    space, loss = SPACES[kind](rng)
    some = np.array([loss(sample(space, rng)) for _ in range(1000)])
    median = float(np.median(np.where(np.isnan(some), np.inf, some)))
    return Task(name, space, lambda config, _: loss(config), loss, 0.0, median)
