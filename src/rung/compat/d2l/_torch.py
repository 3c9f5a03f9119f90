"""Models, data and training in the book's words, on PyTorch."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from rung import datasets

from ._board import ProgressBoard
from ._hpo import HyperParameters

Batch = Sequence[Tensor]  # inputs, and the labels last


class Module(nn.Module, HyperParameters):  # type: ignore[misc]
    """A model with its loss and its optimizer; subclasses set `net` and write `loss`.

    While it trains, its `board` gets so many points of each curve an epoch as the two arguments say.
    """

    def __init__(self, plot_train_per_epoch: int = 2, plot_valid_per_epoch: int = 1) -> None:
        super().__init__()
        self.plot_train_per_epoch = plot_train_per_epoch
        self.plot_valid_per_epoch = plot_valid_per_epoch
        self.board = ProgressBoard(xlabel="epoch")

    def forward(self, X: Tensor) -> Tensor:  # noqa: N803  the book's name
        """Run `net` on the inputs."""
        return self.net(X)

    def loss(self, y_hat: Tensor, y: Tensor) -> Tensor:
        """Return how wrong the outputs are, as one number to minimise."""
        raise NotImplementedError

    def training_step(self, batch: Batch) -> Tensor:
        """Return the loss of a training batch, and plot it."""
        loss = self.loss(self(*batch[:-1]), batch[-1])
        self.plot("loss", loss, train=True)
        return loss

    def validation_step(self, batch: Batch) -> None:
        """Plot the loss of a validation batch."""
        self.plot("loss", self.loss(self(*batch[:-1]), batch[-1]), train=False)

    def configure_optimizers(self) -> Any:
        """Return plain stochastic gradient descent with the learning rate `lr`."""
        return torch.optim.SGD(self.parameters(), lr=self.lr)

    def apply_init(self, inputs: Sequence[Tensor], init: Callable[[Any], None] | None = None) -> None:
        """Let the layers find their sizes by running `inputs` once, then initialise each with `init`."""
        self(*inputs)
        if init is not None:
            self.net.apply(init)

    def plot(self, key: str, value: Tensor, train: bool) -> None:
        """Add a batch's value to the curve ``train_<key>`` or ``val_<key>``."""
        trainer = self.trainer
        if train:
            x = trainer.train_batch_idx / trainer.num_train_batches
            every_n = trainer.num_train_batches // self.plot_train_per_epoch
        else:
            x = trainer.epoch + 1
            every_n = trainer.num_val_batches // self.plot_valid_per_epoch
        label = ("train_" if train else "val_") + key
        self.board.draw(x, value.item(), label, every_n=max(1, every_n))


class Classifier(Module):
    """A model whose outputs are one score per class."""

    def loss(self, y_hat: Tensor, y: Tensor, averaged: bool = True) -> Tensor:
        """Return the cross-entropy, averaged over the batch or one for each example."""
        return functional.cross_entropy(y_hat, y, reduction="mean" if averaged else "none")

    def accuracy(self, y_hat: Tensor, y: Tensor, averaged: bool = True) -> Tensor:
        """Return the share of right answers, or for each example 1 (right) or 0."""
        right = (y_hat.argmax(dim=1) == y).float()
        return right.mean() if averaged else right

    def validation_step(self, batch: Batch) -> None:
        """Plot the loss and the accuracy of a validation batch."""
        y_hat, y = self(*batch[:-1]), batch[-1]
        self.plot("loss", self.loss(y_hat, y), train=False)
        self.plot("acc", self.accuracy(y_hat, y), train=False)


class SoftmaxRegression(Classifier):
    """One linear layer on the pixels; its inputs may have any size."""

    def __init__(self, num_outputs: int, lr: float) -> None:
        super().__init__()
        self.lr = lr
        self.net = nn.Sequential(nn.Flatten(), nn.LazyLinear(num_outputs))


class LeNet(Classifier):
    """LeNet-5: two convolutions with pooling, then three linear layers; initialise it with `init_cnn`."""

    def __init__(self, lr: float = 0.1, num_classes: int = 10) -> None:
        super().__init__()
        self.lr = lr
        features = [
            *(nn.LazyConv2d(6, kernel_size=5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2)),
            *(nn.LazyConv2d(16, kernel_size=5), nn.Sigmoid(), nn.AvgPool2d(2)),
        ]
        head = [layer for width in (120, 84) for layer in (nn.LazyLinear(width), nn.Sigmoid())]
        self.net = nn.Sequential(*features, nn.Flatten(), *head, nn.LazyLinear(num_classes))


def init_cnn(module: Any) -> None:
    """Draw the weights of a linear or convolutional layer by Xavier's rule; other layers stay as they are."""
    if isinstance(module, nn.Linear | nn.Conv2d):
        nn.init.xavier_uniform_(module.weight)


class DataModule(HyperParameters):
    """Data for training and validation; subclasses write `get_dataloader`."""

    def get_dataloader(self, train: bool) -> Any:
        """Return an iterable with a length that yields batches, labels last."""
        raise NotImplementedError

    def train_dataloader(self) -> Any:
        """Return the training batches."""
        return self.get_dataloader(train=True)

    def val_dataloader(self) -> Any:
        """Return the validation batches."""
        return self.get_dataloader(train=False)


class FashionMNIST(DataModule):
    """Fashion-MNIST in memory: 50,000 images to train on and 10,000 to validate on, all training images.

    The split is always the same. Unlike in the book, the test images are not touched: what one tunes on is
    no test any more. Batches are (X, y), X shaped (batch, 1, *resize) with values from 0 to 1.
    """

    def __init__(self, batch_size: int = 64, resize: tuple[int, int] = (28, 28)) -> None:
        self.batch_size = batch_size
        self.resize = resize
        self.train, self.val = _train_and_validation()

    def get_dataloader(self, train: bool) -> _Batches:
        """Return the training batches, reshuffled at each pass, or the validation batches."""
        return _Batches(*(self.train if train else self.val), self.batch_size, self.resize, shuffle=train)


@functools.cache  # each trial makes a FashionMNIST, and unpacking takes longer than an epoch
def _train_and_validation() -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    data = datasets.fashion_mnist()
    order = np.random.default_rng(0).permutation(len(data.train_x))
    validation, train = np.split(order, [len(order) // 6])
    images, labels = torch.from_numpy(data.train_x).unsqueeze(1), torch.from_numpy(data.train_y).long()
    return (images[train], labels[train]), (images[validation], labels[validation])


class _Batches:
    """Minibatches of images in memory; bytes become floats, and sizes change, only batch by batch."""

    def __init__(
        self, images: Tensor, labels: Tensor, batch_size: int, size: tuple[int, int], *, shuffle: bool
    ) -> None:
        self._images, self._labels = images, labels
        self._batch_size, self._size, self._shuffle = batch_size, tuple(size), shuffle

    def __len__(self) -> int:
        return math.ceil(len(self._labels) / self._batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        n = len(self._labels)
        order = torch.randperm(n) if self._shuffle else torch.arange(n)
        for rows in order.split(self._batch_size):
            yield self._prepared(self._images[rows]), self._labels[rows]

    def _prepared(self, images: Tensor) -> Tensor:
        scaled = images.float() / 255
        if scaled.shape[-2:] == self._size:
            return scaled
        return functional.interpolate(scaled, self._size, mode="bilinear", antialias=True)


class Trainer(HyperParameters):
    """Trains a model for `max_epochs` passes over the data, validating after each.

    ``num_gpus=1`` takes a GPU if there is one, else the CPU. A `gradient_clip_val` above 0 is the largest
    norm that the gradient may have.
    """

    def __init__(self, max_epochs: int, num_gpus: int = 0, gradient_clip_val: float = 0) -> None:
        self.max_epochs = max_epochs
        self.gradient_clip_val = gradient_clip_val
        self.device = "cuda" if num_gpus and torch.cuda.is_available() else "cpu"

    def fit(self, model: Module, data: DataModule) -> None:
        """Train `model` on `data`, from its present weights on."""
        self.prepare_data(data)
        self.prepare_model(model)
        self.optim = model.configure_optimizers()
        self.train_batch_idx = self.val_batch_idx = 0
        for self.epoch in range(self.max_epochs):  # noqa: B020  models plot by it
            self.fit_epoch()

    def prepare_data(self, data: DataModule) -> None:
        """Take the batches to train and to validate on."""
        self.train_dataloader = data.train_dataloader()
        self.val_dataloader = data.val_dataloader()
        self.num_train_batches = len(self.train_dataloader)
        self.num_val_batches = len(self.val_dataloader)

    def prepare_model(self, model: Module) -> None:
        """Take the model, tell it its trainer and put it where it will run."""
        model.trainer = self
        self.model = model.to(self.device)

    def prepare_batch(self, batch: Batch) -> Batch:
        """Return the batch where the model is."""
        return [part.to(self.device) for part in batch]

    def fit_epoch(self) -> None:
        """Pass once over the training data, then once over the validation data."""
        self.model.train()
        for batch in self.train_dataloader:
            self._step(self.model.training_step(self.prepare_batch(batch)))
            self.train_batch_idx += 1
        self.model.eval()
        with torch.no_grad():
            for batch in self.val_dataloader:
                self.model.validation_step(self.prepare_batch(batch))
                self.val_batch_idx += 1

    def _step(self, loss: Tensor) -> None:
        self.optim.zero_grad()
        loss.backward()
        if self.gradient_clip_val > 0:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.gradient_clip_val)
        self.optim.step()


class HPOTrainer(Trainer):
    """A trainer that also says how good the trained model is on the validation data."""

    def validation_error(self) -> Tensor:
        """Return the share of wrong answers on the validation data, every example counted alike."""
        self.model.eval()
        right = []
        with torch.no_grad():
            for batch in self.val_dataloader:
                *x, y = self.prepare_batch(batch)
                right.append(self.model.accuracy(self.model(*x), y, averaged=False))
        return 1 - torch.cat(right).mean()


def hpo_objective_lenet(learning_rate: float, batch_size: int, max_epochs: int = 10) -> Tensor:
    """Train LeNet on Fashion-MNIST and return its validation error, for `HPOTuner`."""
    data = FashionMNIST(batch_size=batch_size)
    model = LeNet(lr=learning_rate, num_classes=10)
    some_images = next(iter(data.get_dataloader(True)))[0]
    model.apply_init([some_images], init_cnn)
    trainer = HPOTrainer(max_epochs=max_epochs, num_gpus=1)
    trainer.fit(model=model, data=data)
    return trainer.validation_error()
