"""What earlier studies teach: their observations, models of these, and the configurations that serve them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rung.searchers._extrapolation import extrapolated
from rung.searchers._observed import Observed
from rung.searchers._surrogate import Encoding, thinned
from rung.searchers.models.output_transform import is_outlier
from rung.searchers.models.transfer import EarlierModels
from rung.space import Config, Space
from rung.study.history import History
from rung.study.metrics import Metric

Array: TypeAlias = NDArray[np.floating[Any]]

_BEST_OF_EACH = 3
"""Configurations of each earlier study around which to search."""


def observations(history: History, metric: Metric) -> tuple[list[int], Array, int]:
    """Return at most 300 trials of a study, a loss (n,) of each, and how many of them failed.

    What was stopped early counts as it does for searchers, what failed as the worst.
    """
    observed = thinned(Observed.of(history, metric))
    losses, _ = extrapolated(observed)
    failed = is_outlier(losses)
    if failed.all():
        return [], losses[:0], 0
    worst = float(losses[~failed].max())
    return observed.numbers.tolist(), np.where(failed, worst, losses), int(failed.sum())


def models_of(space: Space, studies: Sequence[tuple[Sequence[Config], Array]]) -> EarlierModels:
    """Return the models of studies, each configurations of the space with their losses (n,)."""
    encoding = Encoding.of(space)
    return EarlierModels.of(
        encoding.coordinates, [(encoding.at(space.encode(configs)), losses) for configs, losses in studies]
    )


def portfolio_of(space: Space, studies: Sequence[tuple[Sequence[Config], Array]], n: int) -> list[Config]:
    """Return at most n of the studies' configurations: each lowers most the mean of the least losses.

    Losses are those that the studies' models expect, in standard deviations.
    """
    candidates = list({space.key(config): config for configs, _ in studies for config in configs}.values())
    expected = models_of(space, studies).each(Encoding.of(space).at(space.encode(candidates)))
    return [candidates[i] for i in greedy(expected, n)]


def greedy(losses: Array, n: int) -> list[int]:
    """Return at most n columns of losses (K, m): each lowers most the mean over rows of the least so far."""
    best, chosen = np.full((len(losses), 1), np.inf), list[int]()
    while len(chosen) < n:
        together = np.minimum(best, losses)
        i = int(together.mean(axis=0).argmin())
        if chosen and not (losses[:, i] < best[:, 0]).any():
            break
        chosen.append(i)
        best = together[:, [i]]
    return chosen


def earlier_models(history: History) -> EarlierModels:
    """Return the models of the studies that a study learns from: a constant of it."""

    def make(history: History) -> EarlierModels:
        return models_of(
            history.space, [(study.configs, np.array(study.losses)) for study in history.earlier]
        )

    return history.cached(EarlierModels, make)


def best_of_earlier(history: History) -> NDArray[np.float64]:
    """Return the encoded configurations that the earlier studies' models expect to be best in each."""
    models, space = earlier_models(history), history.space
    return np.concatenate(
        [
            space.encode(study.configs)[np.argsort(posterior.fitted, kind="stable")[:_BEST_OF_EACH]]
            for study, posterior in zip(history.earlier, models.posteriors, strict=True)
        ]
    )
