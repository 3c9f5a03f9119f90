"""What the examples lenet_fashion_mnist.py and mlp_fashion_mnist.py have in common: data, training, options.

The two parts that have to do with rung are `train`, a training loop that can be paused and resumed, and
`tune`. The rest is PyTorch and a command line.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate

import rung
from rung import datasets

READERS = {"fashion-mnist": datasets.fashion_mnist, "digits": datasets.digits}
SIZE = 28  # pixels; smaller images are enlarged
Part = tuple[Tensor, Tensor]  # images of SIZE x SIZE pixels from 0 to 1, and their labels
Objective = Callable[[dict[str, Any], rung.RunningTrial], None]


@dataclass(frozen=True)
class Job:
    """How much work it is; five of six images train, the sixth validates."""

    n_images: int
    epochs: int
    trials: int


@functools.cache  # once in each worker, however many trials it runs
def load(data: str, n_images: int) -> dict[str, Part]:
    """Draw `n_images` training images and split them, always alike; as many test images as validate."""
    found = READERS[data]()
    order = np.random.default_rng(0).permutation(len(found.train_x))[:n_images]
    validation, train = np.split(order, [len(order) // 6])
    return {
        "train": as_tensors(found.train_x[train], found.train_y[train]),
        "validation": as_tensors(found.train_x[validation], found.train_y[validation]),
        "test": as_tensors(found.test_x[: len(validation)], found.test_y[: len(validation)]),
    }


def as_tensors(images: np.ndarray, labels: np.ndarray) -> Part:
    x = torch.from_numpy(images).unsqueeze(1).float().div_(255)
    return x if x.shape[-1] == SIZE else interpolate(x, size=(SIZE, SIZE)), torch.from_numpy(labels).long()


def begin(trial: rung.RunningTrial) -> None:
    """Call it before the model is built."""
    torch.set_num_threads(1)  # the workers share the cores
    torch.manual_seed(trial.seed)


def train(trial: rung.RunningTrial, config: Mapping[str, Any], model: nn.Module) -> None:
    """Train `model` by gradient descent, from the checkpoint on if there is one.

    The scheduler may pause the trial at a report, and any worker may resume it: so what is saved before each
    report is all that the next epoch depends on, the state of the random numbers too.
    """
    parts = load(config["data"], config["n_images"])
    optimizer = torch.optim.SGD(model.parameters(), lr=config["learning_rate"])
    if trial.resumes:
        restore(trial.checkpoint_dir / "state.pt", model, optimizer)
    for epoch in trial.epochs():
        train_epoch(model, optimizer, *parts["train"], config["batch_size"])
        with trial.checkpoint() as path:
            save(path / "state.pt", model, optimizer)
        trial.report(
            epoch=epoch,
            validation_error=error(model, *parts["validation"]),
            test_error=error(model, *parts["test"]),
        )


def save(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "rng": torch.get_rng_state()}
    torch.save(state, path)


def restore(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["rng"])


def train_epoch(
    model: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor, batch_size: int
) -> None:
    """Pass once over the images, in an order drawn anew."""
    model.train()
    for batch in torch.randperm(len(labels)).split(batch_size):
        loss = cross_entropy(model(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@torch.no_grad()
def error(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """The share of images that the model gets wrong."""
    model.eval()
    answers = torch.cat([model(part).argmax(1) for part in images.split(1000)])
    return (answers != labels).double().mean().item()


def tune(
    objective: Objective, space: Mapping[str, Any], job: Job, data: str, scheduler: str, **options: Any
) -> rung.Study:
    """Run the study; what does not vary is in the space too, so that each config tells the whole story."""
    return rung.tune(
        objective,
        {**space, "data": data, "n_images": job.n_images},
        metric="validation_error",
        report_only=["test_error"],
        searcher="random",
        scheduler="fifo" if scheduler == "random" else scheduler,
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
    epochs = sum(trial.resource for trial in study.trials)
    click.echo(f"\n{len(study.trials)} trials, {epochs} epochs in all")
    click.echo(f"Validation error: {study.best_value:.4f}\n")
    click.echo(study.final_report())
    rungs = plot.with_stem(f"{plot.stem}_rungs")
    study.plot.learning_curves().savefig(plot)
    study.plot.rungs().savefig(rungs)
    click.echo(f"\nLearning curves: {plot}\nRungs:           {rungs}")


def command(
    model: str,
    objective: Objective,
    space: Mapping[str, Any],
    full: Mapping[str, Job],
    quick_jobs: Mapping[str, Job],
) -> click.Command:
    """Make the command line of an example."""

    @click.command(help=f"Tune the hyperparameters of {model} by ASHA or random search.")
    @click.option("--quick", is_flag=True, help="Fewer images, epochs and trials: about half a minute.")
    @click.option("--data", type=click.Choice(list(full)), default="fashion-mnist", show_default=True)
    @click.option("--scheduler", type=click.Choice(["asha", "random"]), default="asha", show_default=True)
    @click.option("--trials", type=click.IntRange(min=1), help=f"Default: {full['fashion-mnist'].trials}.")
    @click.option("--workers", "n_workers", type=click.IntRange(min=1), default=2, show_default=True)
    @click.option("--storage", default="rung_studies", show_default=True, help="The folder of the studies.")
    @click.option("--name", help="The study's name; the same name again continues it.")
    @click.option(
        "--plot", type=click.Path(path_type=Path), default=f"{model}_fashion_mnist.png", show_default=True
    )
    def main(
        *, quick: bool, data: str, scheduler: str, trials: int | None, name: str, plot: Path, **options: Any
    ) -> None:
        job = (quick_jobs if quick else full)[data]
        job = replace(job, trials=trials or job.trials)
        name = name or f"{model}-{data}-{scheduler}{'-quick' if quick else ''}"
        if quick:
            click.echo(what_is_reduced(job, full[data]))
        try:
            READERS[data]()  # what is missing is said here, and downloaded once, not in each worker
            study = tune(objective, space, job, data, scheduler, name=name, **options)
        except rung.Error as why:
            raise click.ClickException(str(why)) from why
        show(study, plot)

    return main
