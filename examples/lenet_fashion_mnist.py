"""LeNet's learning rate and batch size on Fashion-MNIST: section 19.2 of Dive into Deep Learning.

    python examples/lenet_fashion_mnist.py                      ASHA, some minutes on two cores
    python examples/lenet_fashion_mnist.py --scheduler random   every trial in full: three times as long
    python examples/lenet_fashion_mnist.py --quick              in small, about half a minute

Two workers train at once, and neither ever waits for the other. Trials save a checkpoint after each epoch,
since ASHA pauses them after 1 and 3 epochs and goes on with the best third. Stop it when you like: the same
line goes on where it stopped. The layers have ReLUs, not the book's sigmoids, with which the first epochs
tell nothing.
"""

from __future__ import annotations

from typing import Any

import fashion_training as training
from fashion_training import Job
from scipy import stats
from torch import nn

import rung

FULL = {"fashion-mnist": Job(60_000, 9, 30), "digits": Job(1_437, 27, 30)}
QUICK = {"fashion-mnist": Job(6_000, 9, 16), "digits": Job(1_437, 9, 16)}
SPACE = {"learning_rate": stats.loguniform(1e-2, 1), "batch_size": stats.randint(32, 256)}


def lenet() -> nn.Sequential:
    """Two convolutions with pooling, then three linear layers."""
    model = nn.Sequential(
        *(nn.Conv2d(1, 6, kernel_size=5, padding=2), nn.ReLU(), nn.AvgPool2d(2)),
        *(nn.Conv2d(6, 16, kernel_size=5), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )
    for layer in model:
        if isinstance(layer, nn.Linear | nn.Conv2d):
            nn.init.xavier_uniform_(layer.weight)
    return model


def objective(config: dict[str, Any], trial: rung.RunningTrial) -> None:
    training.begin(trial)
    training.train(trial, config, lenet())


main = training.command("lenet", objective, SPACE, FULL, QUICK)

if __name__ == "__main__":
    main()
