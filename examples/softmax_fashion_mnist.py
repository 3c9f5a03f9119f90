"""The learning rate of softmax regression on Fashion-MNIST: section 19.1 of Dive into Deep Learning.

    python examples/softmax_fashion_mnist.py            the book's job, about a minute on two cores
    python examples/softmax_fashion_mnist.py --quick    the same in small, some ten seconds
    ... --quick --trials 40 --confirm 0.4               16 of the 40 trials say what the best is really worth

Random search on the validation error chooses the learning rate; the test error is only recorded beside it,
and shown once, at the end, for the winner. Stop it when you like: the same line goes on where it stopped.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from scipy import stats
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import rung
from rung import datasets

BATCH_SIZE = 16
READERS = {"fashion-mnist": datasets.fashion_mnist, "digits": datasets.digits}
Part = tuple[Tensor, Tensor]  # images as rows of pixels from 0 to 1, and their labels


@dataclass(frozen=True)
class Job:
    """How much work it is; five of six images train, the sixth validates."""

    n_images: int
    epochs: int
    trials: int


FULL = {"fashion-mnist": Job(60_000, 8, 30), "digits": Job(1_437, 8, 30)}
QUICK = {"fashion-mnist": Job(12_000, 4, 16), "digits": Job(1_437, 4, 16)}


@functools.cache  # once in each worker, however many trials it runs
def load(data: str, n_images: int) -> dict[str, Part]:
    """Draw `n_images` training images and split them into train and validation, always alike."""
    found = READERS[data]()
    order = np.random.default_rng(0).permutation(len(found.train_x))[:n_images]
    validation, train = np.split(order, [len(order) // 6])
    return {
        "train": as_tensors(found.train_x[train], found.train_y[train]),
        "validation": as_tensors(found.train_x[validation], found.train_y[validation]),
        "test": as_tensors(found.test_x, found.test_y),
    }


def as_tensors(images: np.ndarray, labels: np.ndarray) -> Part:
    return torch.from_numpy(images).flatten(1).float().div_(255), torch.from_numpy(labels).long()


def train_epoch(model: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor) -> None:
    """Pass once over the images, in an order drawn anew."""
    for batch in torch.randperm(len(labels)).split(BATCH_SIZE):
        loss = cross_entropy(model(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@torch.no_grad()
def error(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """The share of images that the model gets wrong."""
    return (model(images).argmax(1) != labels).double().mean().item()


def objective(config: dict, trial: rung.RunningTrial) -> None:
    torch.set_num_threads(1)  # the workers share the cores
    torch.manual_seed(trial.seed)
    parts = load(config["data"], config["n_images"])
    model = nn.Linear(parts["train"][0].shape[1], 10)
    optimizer = torch.optim.SGD(model.parameters(), lr=config["learning_rate"])
    for epoch in range(1, trial.max_resource + 1):
        train_epoch(model, optimizer, *parts["train"])
        trial.report(
            epoch=epoch,
            validation_error=error(model, *parts["validation"]),
            test_error=error(model, *parts["test"]),
        )


def tune(job: Job, data: str, **options: Any) -> rung.Study:
    """Run the study; what does not vary is in the space too, so that each config tells the whole story."""
    space = {"learning_rate": stats.loguniform(1e-4, 1), "data": data, "n_images": job.n_images}
    return rung.tune(
        objective,
        space,
        metric="validation_error",
        report_only=["test_error"],
        searcher="random",
        n_trials=job.trials,
        max_resource=job.epochs,
        seed=0,
        **options,
    )


def what_is_reduced(job: Job, full: Job) -> str:
    return (
        f"Quick mode: {job.n_images:,} of {full.n_images:,} images, {job.epochs} of {full.epochs} epochs, "
        f"{job.trials} trials instead of {full.trials}; the full job's errors are lower."
    )


def show(study: rung.Study, plot: Path) -> None:
    click.echo(f"\nBest learning rate: {study.best_config['learning_rate']:.4g}")
    click.echo(f"Validation error:   {study.best_value:.4f}\n")
    click.echo(study.final_report())
    study.plot.learning_curves().savefig(plot)
    click.echo(f"\nLearning curves: {plot}")


@click.command()
@click.option("--quick", is_flag=True, help="Fewer images, epochs and trials: some ten seconds.")
@click.option("--data", type=click.Choice(list(FULL)), default="fashion-mnist", show_default=True)
@click.option("--trials", type=click.IntRange(min=1), help="Default: 30, with --quick 16.")
@click.option("--workers", "n_workers", type=click.IntRange(min=1), default=2, show_default=True)
@click.option("--storage", default="rung_studies", show_default=True, help="The folder of the studies.")
@click.option(
    "--confirm", type=float, help="Share or number of the trials that run the best ones again: 0.4."
)
@click.option("--name", help="The study's name; the same name again continues it.")
@click.option(
    "--plot", type=click.Path(path_type=Path), default="softmax_fashion_mnist.png", show_default=True
)
def main(quick: bool, data: str, trials: int | None, plot: Path, **options: Any) -> None:
    """Tune the learning rate of softmax regression by random search."""
    job = (QUICK if quick else FULL)[data]
    job = replace(job, trials=trials or job.trials)
    options["name"] = options["name"] or f"softmax-{data}{'-quick' if quick else ''}"
    if quick:
        click.echo(what_is_reduced(job, FULL[data]))
    try:
        READERS[data]()  # what is missing is said here, and downloaded once, not in each worker
        study = tune(job, data, **options)
    except rung.Error as why:
        raise click.ClickException(str(why)) from why
    show(study, plot)


if __name__ == "__main__":
    main()
