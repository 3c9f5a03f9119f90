"""The pictures of docs/plots.md, from studies that it runs: `python docs/images/make.py`, a few minutes.

A small network on scikit-learn's digits. Its studies are kept in build/pictures, so a second run only draws.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np

import rung
from rung.datasets import digits

HERE = Path(__file__).parent
STUDIES = str(HERE.parents[1] / "build" / "pictures")
EPOCHS = 27

DATA = digits()
x, y = (
    DATA.train_x.reshape(len(DATA.train_x), -1) / 16,
    DATA.train_y,
)  # they travel to the workers with `train`
SPACE = {
    "learning_rate": rung.Float(1e-3, 3, log=True),
    "batch_size": rung.Int(8, 256, log=True),
    "layers": rung.Int(1, 2),
    "width": rung.Int(8, 128, log=True),
    "width_2": rung.Int(8, 128, log=True).when(rung.param("layers") == 2),
    "activation": rung.Categorical(["relu", "tanh"]),
    "momentum": rung.Float(0, 0.99),
}


def train(config, trial):
    """A perceptron with one or two hidden layers, trained by SGD with momentum."""
    rng = np.random.default_rng(trial.seed)
    sizes = [x.shape[1], config["width"], *([config["width_2"]] if config["layers"] == 2 else []), 10]
    weights = [rng.normal(0, (2 / a) ** 0.5, (a, b)) for a, b in pairwise(sizes)]
    speeds = [np.zeros_like(w) for w in weights]
    act = np.tanh if config["activation"] == "tanh" else lambda z: np.maximum(z, 0)
    slope = (lambda a: 1 - a * a) if config["activation"] == "tanh" else (lambda a: a > 0)
    n = len(x) * 4 // 5

    def layers(inputs):
        found = [inputs]
        for w in weights[:-1]:
            found.append(act(found[-1] @ w))
        return found, found[-1] @ weights[-1]

    for epoch in trial.epochs():
        for rows in np.array_split(rng.permutation(n), max(1, n // config["batch_size"])):
            hidden, scores = layers(x[rows])
            p = np.exp(scores - scores.max(axis=1, keepdims=True))
            error = p / p.sum(axis=1, keepdims=True)
            error[np.arange(len(rows)), y[rows]] -= 1
            for i in reversed(range(len(weights))):
                gradient = hidden[i].T @ error / len(rows)
                error = (error @ weights[i].T) * slope(hidden[i]) if i else error
                speeds[i] = config["momentum"] * speeds[i] - config["learning_rate"] * gradient
                weights[i] = weights[i] + speeds[i]
        _, scores = layers(x[n:])
        kilobytes = sum(w.nbytes for w in weights) / 1000
        if not np.isfinite(scores).all():
            raise FloatingPointError(f"the weights diverged in epoch {epoch}")
        trial.report(
            epoch=epoch, validation_error=float((scores.argmax(axis=1) != y[n:]).mean()), kilobytes=kilobytes
        )


def study(name, searcher="auto", scheduler="asha", metric="validation_error", n_trials=60):
    """Run a study, or read it if it is there."""
    return rung.tune(
        train, SPACE, metric=metric, n_trials=n_trials, max_resource=EPOCHS, n_workers=4, searcher=searcher,
        scheduler=scheduler, name=name, storage=STUDIES, seed=1,
    )  # fmt: skip


def main():
    """Draw them all, or those that are named."""
    asha, random = study("asha"), study("random", "random", "fifo", n_trials=40)
    auto = study("auto", scheduler="fifo", n_trials=40)
    both = study(
        "both", scheduler="fifo", metric={"validation_error": "min", "kilobytes": "min"}, n_trials=50
    )
    pictures = {
        "learning_curves": asha.plot.learning_curves,
        "over_time": asha.plot.over_time,
        "rungs": asha.plot.rungs,
        "anytime": random.plot.anytime,
        "timeline": asha.plot.timeline,
        "slice": random.plot.slice,
        "importance": random.plot.importance,
        "parallel": random.plot.parallel,
        "contour": lambda: random.plot.contour("learning_rate", "momentum"),
        "edf": lambda: random.plot.edf({"auto": auto}, label="random"),
        "front": both.plot.front,
        "hypervolume": both.plot.hypervolume,
    }
    for name in sys.argv[1:] or pictures:
        pictures[name]().savefig(HERE / f"{name}.png", dpi=130)


if __name__ == "__main__":
    main()
