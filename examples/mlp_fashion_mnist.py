"""Six hyperparameters of a two-layer perceptron with dropout on Fashion-MNIST.

Chapter 19 of Dive into Deep Learning tunes networks like this one from section 19.3 on.

    python examples/mlp_fashion_mnist.py                      ASHA, some minutes on two cores
    python examples/mlp_fashion_mnist.py --scheduler random   every trial in full: three times as long
    python examples/mlp_fashion_mnist.py --quick              in small, about half a minute

Two workers train at once, and neither ever waits for the other. Trials save a checkpoint after each epoch,
since ASHA pauses them after 1, 3 and 9 epochs and goes on with the best third. Stop it when you like: the
same line goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import fashion_training as training
from fashion_training import Job
from scipy import stats
from torch import nn

import rung

FULL = {"fashion-mnist": Job(60_000, 27, 40), "digits": Job(1_437, 27, 40)}
QUICK = {"fashion-mnist": Job(12_000, 9, 24), "digits": Job(1_437, 9, 24)}
SPACE = {
    "learning_rate": stats.loguniform(1e-3, 1),
    "batch_size": rung.Int(16, 256, log=True),
    "dropout_1": rung.Float(0, 0.8),
    "dropout_2": rung.Float(0, 0.8),
    "num_hiddens_1": rung.Int(16, 512, log=True),
    "num_hiddens_2": rung.Int(16, 512, log=True),
}


def mlp(config: Mapping[str, Any]) -> nn.Sequential:
    """Two hidden layers with dropout after each."""
    n_1, n_2 = config["num_hiddens_1"], config["num_hiddens_2"]
    return nn.Sequential(
        nn.Flatten(),
        *(nn.Linear(training.SIZE**2, n_1), nn.ReLU(), nn.Dropout(config["dropout_1"])),
        *(nn.Linear(n_1, n_2), nn.ReLU(), nn.Dropout(config["dropout_2"])),
        nn.Linear(n_2, 10),
    )


def objective(config: dict[str, Any], trial: rung.RunningTrial) -> None:
    training.begin(trial)
    training.train(trial, config, mlp(config))


main = training.command("mlp", objective, SPACE, FULL, QUICK)

if __name__ == "__main__":
    main()
