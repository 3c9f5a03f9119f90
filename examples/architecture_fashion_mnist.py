"""The architecture of a small convolutional network for Fashion-MNIST: error, size and speed, of some 10^9.

    python examples/architecture_fashion_mnist.py                          some ten minutes on two cores
    python examples/architecture_fashion_mnist.py --quick                  in small, a minute or two
    python examples/architecture_fashion_mnist.py --searcher evolution     the same by evolution: NSGA-II

Three numbers are to be small: the validation error, the milliseconds that 100 images take, and the megabytes
of the weights, of which there may be 1 at most. It prints the networks between which one has to choose.
Stop it when you like: the same line goes on where it stopped.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import click
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, cross_entropy

import rung
from rung import datasets
from rung.errors import NoTrialError
from rung.space import Categorical, Int, Ordinal, Space

READERS = {"fashion-mnist": datasets.fashion_mnist, "digits": datasets.digits}
STAGE = {
    "operation": Categorical(["convolution", "separable", "bottleneck"]),
    "width": Ordinal([8, 16, 32, 64]),
    "kernel": Ordinal([1, 3, 5]),
    "shortcut": Categorical([False, True]),
    "normalised": Categorical([False, True]),
}
ARCHITECTURES = {
    **Space.repeat("stage", Int(1, 4), STAGE),
    "pooling": Categorical(["max", "mean"]),
    "head": Categorical(["mean", "flat"]),
}
SPACE = {"learning_rate": rung.Float(1e-3, 3e-2, log=True), **ARCHITECTURES}
METRIC = {"validation_error": "min", "inference_ms": "min", "model_mb": "min"}
Part = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Job:
    """How much work it is; five of six images train, the sixth validates."""

    n_images: int
    epochs: int
    trials: int


FULL, QUICK = Job(12_000, 4, 60), Job(2_400, 1, 24)


class Stage(nn.Module):
    """One stage: an operation, with a shortcut around it where it keeps the number of channels."""

    def __init__(self, channels: int, part: Mapping[str, Any]) -> None:
        super().__init__()
        width, size = part["width"], part["kernel"]
        same = {"kernel_size": size, "padding": size // 2}
        if part["operation"] == "convolution":
            layers = [nn.Conv2d(channels, width, **same)]
        elif part["operation"] == "separable":
            layers = [nn.Conv2d(channels, channels, groups=channels, **same), nn.Conv2d(channels, width, 1)]
        else:
            narrow = max(width // 4, 2)
            layers = [
                nn.Conv2d(channels, narrow, 1),
                nn.Conv2d(narrow, narrow, **same),
                nn.Conv2d(narrow, width, 1),
            ]
        self.body = nn.Sequential(*layers, nn.BatchNorm2d(width) if part["normalised"] else nn.Identity())
        self.around = part["shortcut"] and width == channels

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x)
        return torch.relu(x + y if self.around else y)


def network(config: Mapping[str, Any], pixels: int) -> nn.Module:
    """Stages, the second and the third of them on half the pixels, and a linear layer."""
    layers: list[nn.Module] = []
    channels = 1
    for i, part in enumerate(Space.blocks(config, "stage")):
        if i in {1, 2}:
            layers.append(nn.MaxPool2d(2) if config["pooling"] == "max" else nn.AvgPool2d(2))
            pixels //= 2
        layers.append(Stage(channels, part))
        channels = part["width"]
    if config["head"] == "mean":
        layers, pixels = [*layers, nn.AdaptiveAvgPool2d(1)], 1
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * pixels * pixels, 10))


@functools.cache  # once in each worker, however many trials it runs
def load(data: str, n_images: int) -> tuple[Part, Part]:
    """Training and validation images of half the size, always the same."""
    found = READERS[data]()
    order = np.random.default_rng(0).permutation(len(found.train_x))[:n_images]
    validation, train = np.split(order, [len(order) // 6])
    return as_tensors(found.train_x[train], found.train_y[train]), as_tensors(
        found.train_x[validation], found.train_y[validation]
    )


def as_tensors(images: np.ndarray, labels: np.ndarray) -> Part:
    x = torch.from_numpy(images).unsqueeze(1).float().div_(255)
    return avg_pool2d(x, 2) if x.shape[-1] > 14 else x, torch.from_numpy(labels).long()


def objective(config: dict[str, Any], trial: rung.RunningTrial) -> dict[str, float]:
    torch.set_num_threads(1)  # the workers share the cores
    torch.manual_seed(trial.seed)
    (images, labels), validation = load(config["data"], config["n_images"])
    model = network(config, images.shape[-1])
    megabytes = sum(p.numel() for p in model.parameters()) * 4 / 1e6
    optimizer = torch.optim.Adam(model.parameters(), lr=config["learning_rate"])
    for _ in range(config["epochs"]):
        model.train()
        for batch in torch.randperm(len(labels)).split(64):
            loss = cross_entropy(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        error = (model(validation[0]).argmax(1) != validation[1]).double().mean().item()
    return {
        "validation_error": error,
        "inference_ms": milliseconds(model, validation[0]),
        "model_mb": megabytes,
    }


@torch.no_grad()
def milliseconds(model: nn.Module, images: Tensor) -> float:
    """What 100 images take: the least of several times, since others use the machine too."""
    times = []
    for _ in range(20):
        start = perf_counter()
        model(images[:100])
        times.append(perf_counter() - start)
    return 1000 * min(times)


@click.command()
@click.option("--quick", is_flag=True, help="Less of everything.")
@click.option("--data", type=click.Choice([*READERS]), default="fashion-mnist")
@click.option("--searcher", default="auto", help="auto, evolution, tpe, random.")
@click.option("--seed", default=0)
@click.option("--workers", default=1, help="Trials at once; the milliseconds are best measured by one.")
@click.option("--storage", help="Where the study is kept.")
@click.option("--plot", metavar="FILE", help="Where a plot of the front goes.")
def main(
    *, quick: bool, data: str, searcher: str, seed: int, workers: int, storage: str | None, plot: str | None
) -> None:
    """Search for small, fast and good networks."""
    job = QUICK if quick else FULL
    print(f"{Space(ARCHITECTURES).size:,} architectures")
    study = rung.tune(
        objective,
        {**SPACE, "data": data, "n_images": job.n_images, "epochs": job.epochs},
        metric=METRIC,
        constraints={"model_mb": "<= 1"},
        searcher=searcher,
        n_trials=job.trials,
        n_workers=workers,
        seed=seed,
        name=f"architecture-{data}-{searcher}-{seed}{'-quick' if quick else ''}",
        storage=storage,
    )
    for trial in study.front:
        values = ", ".join(f"{name} {trial.metrics[name]:.3g}" for name in METRIC)
        print(f"trial {trial.number}: {values}, {len(Space.blocks(trial.config, 'stage'))} stages")
    reference = {"validation_error": 0.5, "inference_ms": 50.0, "model_mb": 1.0}
    print(f"hypervolume: {study.hypervolume(reference).value:.3f}")
    try:
        fast = study.best(limits={"inference_ms": "<= 5", "model_mb": "<= 0.1"})
        error = fast.metrics["validation_error"]
        print(f"the best within 5 ms and 0.1 MB: trial {fast.number}, error {error:.3f}")
    except NoTrialError as none:
        print(none)
    if plot:
        study.plot.front().savefig(plot, dpi=110)


if __name__ == "__main__":
    main()
