"""Searchers: how the next configuration is chosen. One algorithm is one file and one line here."""

from __future__ import annotations

from rung._registry import Registry
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

SEARCHERS: Registry[Searcher] = Registry(
    "searcher",
    {part.name: part for part in (Auto, GP, Random, Grid, Sobol, Local, TPE, CMAES, Evolution)},
    ["suggest", "check", "to_json"],
)
get = SEARCHERS.of


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
