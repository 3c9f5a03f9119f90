"""Hyperparameters of parts that repeat, such as the layers of a network."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rung._text import brief
from rung.errors import SpaceError
from rung.space._building import domain_of
from rung.space.conditions import Condition, param
from rung.space.numeric import Int
from rung.space.values import Value

_MOST = 1000


def repeat(name: str, n: int | Int, domains: Mapping[str, Any]) -> dict[str, Any]:
    """Return the hyperparameters of n parts called `name`, for the dict of a space.

    Those of part i, from 1 on, are called `{name}_{i}_{hyperparameter}`. Where `n` is an `Int`, it is a
    hyperparameter itself, `num_{name}s`, and the parts beyond it are inactive. Conditions inside a part hold
    of the same part; `blocks` gives the parts of a configuration.

    Parameters
    ----------
    name : str
        Of a part, such as "layer".
    n : int or Int
        How many there are, or between which numbers the search chooses.
    domains : mapping of str to domain
        The hyperparameters of a part, as for `Space`; those of a `repeat` inside among them.

    Returns
    -------
    dict of str to domain

    Raises
    ------
    SpaceError
        If an argument is wrong.

    Examples
    --------
    >>> import rung
    >>> layers = rung.Space.repeat("layer", rung.Int(1, 2), {"units": rung.Int(8, 64)})
    >>> for name, domain in layers.items():
    ...     print(name, domain)
    num_layers Int(low=1, high=2)
    layer_1_units Int(low=8, high=64)
    layer_2_units Int(low=8, high=64).when(param('num_layers') >= 2)
    >>> space = rung.Space({"learning_rate": rung.Float(0, 1), **layers})
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise SpaceError(f'repeat: {brief(name)}; name a part by a word, such as "layer"')
    if not isinstance(n, int | Int) or isinstance(n, bool) or not 1 <= _highest(n) <= _MOST or _lowest(n) < 0:
        raise SpaceError(f"repeat: {name}: n={brief(n)}; give a number from 1 to {_MOST}, or Int(1, 6)")
    if not isinstance(domains, Mapping) or not domains:
        raise SpaceError(f"repeat: {name}: {brief(domains)}; give a dict from names to domains")
    count = f"num_{name}s"
    found: dict[str, Any] = {count: n} if isinstance(n, Int) else {}
    for i in range(1, _highest(n) + 1):
        own = {inner: f"{name}_{i}_{inner}" for inner in domains}
        for inner, value in domains.items():
            domain = domain_of(inner, value)
            if domain.condition is not None:
                domain = replace(domain, condition=_renamed(domain.condition, own))
            optional = isinstance(n, Int) and (i > n.low or n.condition is not None)
            found[own[inner]] = domain.when(param(count) >= i) if optional else domain
    return found


def _renamed(condition: Condition, names: Mapping[str, str]) -> Condition:
    return condition.replaced(lambda one: replace(one, name=names.get(one.name, one.name)))


def _highest(n: int | Int) -> int:
    return n.high if isinstance(n, Int) else n


def _lowest(n: int | Int) -> int:
    return n.low if isinstance(n, Int) else n


def blocks(config: Mapping[str, Value], name: str) -> list[dict[str, Value]]:
    """Return the parts of a configuration that `repeat` made, in their order, without the prefix.

    Parameters
    ----------
    config : mapping of str to value
        A configuration.
    name : str
        Of a part, as given to `repeat`.

    Returns
    -------
    list of dict

    Examples
    --------
    >>> import rung
    >>> config = {"num_layers": 2, "layer_1_units": 64, "layer_2_units": 16, "learning_rate": 0.1}
    >>> rung.Space.blocks(config, "layer")
    [{'units': 64}, {'units': 16}]
    """
    found: dict[int, dict[str, Value]] = {}
    for key, value in config.items():
        if match := re.fullmatch(rf"{re.escape(name)}_([0-9]+)_(.+)", key):
            found.setdefault(int(match[1]), {})[match[2]] = value
    return [found[i] for i in sorted(found)]
