"""The names that chapter 19 of *Dive into Deep Learning* takes from its package d2l, over rung's own parts.

Replace ``from d2l import torch as d2l`` by ``from rung.compat import d2l``; the cells of sections 19.1, 19.2
and 19.4 then run as they stand. Differences worth knowing:

- `FashionMNIST` validates on 10,000 of the 60,000 training images, always the same ones, and never touches
  the test images. The book validates on these, so its tuned error flatters.
- `RandomSearcher` takes rung's domains (``rung.Float``, ...) beside scipy's, and has a `seed`.
- Without a GPU ``num_gpus=1`` means the CPU. Curves are drawn only in a notebook.

PyTorch is imported when a name that needs it is first used, matplotlib when the first figure is drawn.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ._board import ProgressBoard
from ._hpo import (
    BasicScheduler,
    HPOScheduler,
    HPOSearcher,
    HPOTuner,
    HyperParameters,
    RandomSearcher,
    SuccessiveHalvingScheduler,
    add_to_class,
    numpy,
)

__all__ = [  # noqa: RUF022  in the order of the files
    "BasicScheduler",
    "HPOScheduler",
    "HPOSearcher",
    "HPOTuner",
    "HyperParameters",
    "ProgressBoard",
    "RandomSearcher",
    "SuccessiveHalvingScheduler",
    "add_to_class",
    "numpy",
    # pyplot, on first use:
    "plt",
    "set_figsize",
    # from _torch, on first use:
    "Classifier",
    "DataModule",
    "FashionMNIST",
    "HPOTrainer",
    "LeNet",
    "Module",
    "SoftmaxRegression",
    "Trainer",
    "hpo_objective_lenet",
    "init_cnn",
]


def set_figsize(figsize: tuple[float, float] = (3.5, 2.5)) -> None:
    """Let pyplot draw figures of this width and height, in inches."""
    _pyplot().rcParams["figure.figsize"] = figsize


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"rung.compat.d2l has no {name!r}; it has {', '.join(__all__)}")
    if name == "plt":
        return _pyplot()
    try:
        return getattr(import_module("._torch", __name__), name)
    except ModuleNotFoundError as why:
        raise ImportError(f"d2l.{name} needs PyTorch ({why}): pip install 'rung[examples]'") from why


def _pyplot() -> Any:
    try:
        return import_module("matplotlib.pyplot")
    except ModuleNotFoundError as why:
        raise ImportError(f"d2l.plt needs matplotlib ({why}): pip install 'rung[plot]'") from why


def __dir__() -> list[str]:
    return sorted(__all__)
