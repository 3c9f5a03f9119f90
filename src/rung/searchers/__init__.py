"""Searchers: how the next configuration is chosen. One algorithm is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable

from rung._text import brief
from rung.errors import Error
from rung.searchers.auto import Auto
from rung.searchers.base import Searcher
from rung.searchers.cmaes import CMAES
from rung.searchers.evolution import Evolution
from rung.searchers.gp import GP
from rung.searchers.grid import Grid
from rung.searchers.local import Local
from rung.searchers.random import Random
from rung.searchers.sobol import Sobol
from rung.searchers.tpe import TPE
from rung.space.values import did_you_mean

SEARCHERS: dict[str, Callable[[], Searcher]] = {
    searcher.name: searcher for searcher in (Auto, GP, Random, Grid, Sobol, Local, TPE, CMAES, Evolution)
}


def get(searcher: str | Searcher) -> Searcher:
    """Return `searcher`, or the one of that name with its default arguments; Error if there is none."""
    if isinstance(searcher, str):
        if searcher not in SEARCHERS:
            raise Error(
                f"searcher={brief(searcher)}: there is none of that name; {did_you_mean(searcher, SEARCHERS)}"
            )
        return SEARCHERS[searcher]()
    if isinstance(searcher, type) or not isinstance(searcher, Searcher):
        raise Error(
            f"searcher={brief(searcher)}: no searcher; use a name such as 'random' or an object, Random()"
        )
    return searcher


__all__ = [
    "CMAES",
    "GP",
    "SEARCHERS",
    "TPE",
    "Auto",
    "Evolution",
    "Grid",
    "Local",
    "Random",
    "Searcher",
    "Sobol",
    "get",
]
