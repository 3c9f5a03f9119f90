"""A table of a small net on scikit-learn's digits: 280 configurations, each trained on 48 seeds.

    python -m benchmarks.honest.digits      # makes the table again: 20 minutes on one core

Each is trained twice: on a split that its seed draws ("fresh"), and on one split for all seeds ("fixed").
The table holds counts of wrong images: of 200 that validate and of 997 that nothing is chosen by.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from benchmarks.runs import RESULTS
from numpy.typing import NDArray

CONFIGS, SEEDS = 280, 48
TRAIN, VALIDATION, TEST = 600, 200, 997
EPOCHS = 8
TABLE = RESULTS / "honest_digits.npz"

Floats = NDArray[np.float32]


def configurations() -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    return [
        {
            "learning_rate": float(10 ** rng.uniform(-3.5, -1.5)), "units": int(2 ** rng.uniform(3, 6.5)),
            "alpha": float(10 ** rng.uniform(-5, 0)), "batch_size": int(2 ** rng.uniform(4, 7)),
        }
        for _ in range(CONFIGS)
    ]  # fmt: skip


def trained(config: Mapping[str, Any], splits: Sequence[int]) -> tuple[NDArray[Any], NDArray[Any]]:
    """How many validation and test images the net of each seed gets wrong: all seeds at once, by Adam."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32)
    order = np.array([np.random.default_rng((7, split)).permutation(len(images)) for split in splits])
    rngs = [np.random.default_rng(seed) for seed in range(len(splits))]
    nets = np.arange(len(splits))[:, None]
    weights = [*_layer(rngs, 64, config["units"]), *_layer(rngs, config["units"], 10)]
    first, second = ([np.zeros_like(w) for w in weights] for _ in range(2))
    steps = 0
    for _ in range(EPOCHS):
        shuffled = np.stack([rng.permutation(TRAIN) for rng in rngs])
        for start in range(0, TRAIN, config["batch_size"]):
            batch = order[:, :TRAIN][nets, shuffled[:, start : start + config["batch_size"]]]
            steps += 1
            rate = config["learning_rate"] * np.sqrt(1 - 0.999**steps) / (1 - 0.9**steps)
            gradients = _gradients(weights, images[batch], labels[batch], config["alpha"])
            for i, gradient in enumerate(gradients):
                first[i] += np.float32(0.1) * (gradient - first[i])
                second[i] += np.float32(0.001) * (gradient**2 - second[i])
                weights[i] -= np.float32(rate) * first[i] / (np.sqrt(second[i]) + np.float32(1e-8))

    def wrong(which: NDArray[Any]) -> NDArray[Any]:
        _, scores = _forward(weights, images[which])
        return (scores.argmax(axis=-1) != labels[which]).sum(axis=1)

    held_out = order[:, TRAIN:]
    return wrong(held_out[:, :VALIDATION]), wrong(held_out[:, VALIDATION:])


def _layer(rngs: Sequence[np.random.Generator], inputs: int, outputs: int) -> tuple[Floats, Floats]:
    most = np.sqrt(6 / (inputs + outputs))
    weights = np.stack([rng.uniform(-most, most, (inputs, outputs)) for rng in rngs]).astype(np.float32)
    return weights, np.zeros((len(rngs), 1, outputs), np.float32)


def _forward(weights: Sequence[Floats], x: Floats) -> tuple[Floats, Floats]:
    hidden = np.maximum(x @ weights[0] + weights[1], 0)
    return hidden, hidden @ weights[2] + weights[3]


def _gradients(weights: Sequence[Floats], x: Floats, labels: NDArray[Any], alpha: float) -> list[Floats]:
    """Of the cross entropy of a batch of each net, and of its share of the penalty."""
    hidden, scores = _forward(weights, x)
    n = x.shape[1]
    p = np.exp(scores - scores.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)
    p[np.arange(len(p))[:, None], np.arange(n), labels] -= 1
    p /= n
    back = (p @ weights[2].swapaxes(1, 2)) * (hidden > 0)
    decay = np.float32(alpha / n)
    return [
        x.swapaxes(1, 2) @ back + decay * weights[0], back.sum(axis=1, keepdims=True),
        hidden.swapaxes(1, 2) @ p + decay * weights[2], p.sum(axis=1, keepdims=True),
    ]  # fmt: skip


def table() -> dict[str, NDArray[np.float64]]:
    """Errors by "fresh" or "fixed" and part, such as "fresh validation": configurations x seeds."""
    if not TABLE.exists():
        _make()
    sizes = {"validation": VALIDATION, "test": TEST}
    with np.load(TABLE) as found:
        return {name: found[name] / sizes[name.split()[1]] for name in found.files if " " in name}


def _make() -> None:
    found: dict[str, list[Any]] = {}
    for number, config in enumerate(configurations()):
        for kind, splits in (("fresh", range(SEEDS)), ("fixed", [0] * SEEDS)):
            for part, wrong in zip(("validation", "test"), trained(config, splits), strict=True):
                found.setdefault(f"{kind} {part}", []).append(wrong)
        print(f"{number + 1} of {CONFIGS}", flush=True)
    arrays = {name: np.array(rows, dtype=np.uint16) for name, rows in found.items()}
    np.savez_compressed(TABLE, configs=np.array(json.dumps(configurations())), **arrays)


if __name__ == "__main__":
    _make()
