"""Random configurations that no trial has tried yet."""

from __future__ import annotations

from itertools import islice

from numpy.random import Generator

from rung.space import Config
from rung.study.history import History

_DRAWS = 100  # before going through the whole space
_MOST = 100_000  # unseen configurations to choose from
_NEIGHBOURS = 8  # to find one that no trial has


def unseen(history: History, rng: Generator) -> Config | None:
    """Return a random configuration; in a finite space one that no trial has, or None if there is none.

    If 100 draws are all taken, each of the first 100,000 configurations left is equally likely.
    A space that is infinite (or too large to count) gives a draw as it comes.
    """
    space = history.space
    if space.size is None:
        return space.sample(rng)
    for _ in range(_DRAWS):
        config = space.sample(rng)
        if not history.seen(config):
            return config
    left = list(islice((config for config in space.configs() if not history.seen(config)), _MOST))
    return left[rng.integers(len(left))] if left else None


def unseen_near(config: Config, history: History, rng: Generator) -> Config | None:
    """Return an untried neighbour of `config`, or what `unseen` returns if eight of them are all taken."""
    for neighbour in history.space.neighbours(config, rng, _NEIGHBOURS):
        if not history.seen(neighbour):
            return neighbour
    return unseen(history, rng)
