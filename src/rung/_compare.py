"""compare(): the same task by several methods, over repeated seeds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from rung._other_libraries import explained
from rung._view import StudyView
from rung.analysis.comparison import Comparison, Incumbents, Results, reference_of
from rung.errors import ArgumentError

logger = logging.getLogger("rung")

Task = Callable[..., StudyView]
"""Runs one study, given a method's options and a `seed`, all by name."""


@explained
def compare(
    methods: Mapping[str, Mapping[str, Any]],
    task: Task,
    *,
    seeds: int | Sequence[int] = 20,
    reference: Mapping[str, float] | None = None,
) -> Comparison:
    """Run `task` by each method, once for each seed, and compare the best values over time.

    Parameters
    ----------
    methods : mapping of str to mapping
        A name for each method, and the options by which it differs from the others.
    task : callable
        What all have in common: `task(**options, seed=seed)` runs a study and returns it. Most often
        `functools.partial` of `rung.simulate` or `rung.tune`. Give each study the same budget of time; with
        the same number of trials, methods that stop trials early do less work.
    seeds : int or sequence of int
        Their number (0, 1, 2, ...), at least 2, or the seeds themselves.
    reference : mapping of str to float, optional
        With several objectives, the point up to which the hypervolume is measured, as in
        `StudyView.hypervolume`; by default a tenth beyond the worst of what no study beats.

    Returns
    -------
    Comparison
        Print it, plot it, or take its table.

    Raises
    ------
    ArgumentError
        If there are no methods, or fewer than two seeds.
    NoTrialError
        If no trial of a study gave a value. An error inside a study has a note with its method and seed.

    Examples
    --------
    >>> import functools, rung
    >>> def curve(config, epoch):
    ...     return {"error": config["x"] + 1 / epoch}, 60.0  # an epoch takes a minute
    >>> task = functools.partial(
    ...     rung.simulate, {"x": rung.Float(0, 1)}, curve, metric="error", max_resource=9, timeout="2h"
    ... )
    >>> methods = {"random": {"scheduler": "fifo"}, "asha": {"scheduler": "asha"}}
    >>> comparison = rung.compare(methods, task, seeds=5)
    >>> [row["method"] for row in comparison.rows()]
    ['random', 'asha']
    """
    _check(methods)
    numbers = _distinct(seeds)
    found: dict[str, list[Incumbents | Results]] = {name: [] for name in methods}
    for seed in numbers:
        for name, options in methods.items():
            found[name].append(_run(task, name, options, seed))
    return Comparison.of(_measured(found, reference), numbers)


def _measured(
    found: Mapping[str, Sequence[Incumbents | Results]], reference: Mapping[str, float] | None
) -> dict[str, list[Incumbents]]:
    """One number over time for each study: of several objectives the hypervolume, up to the same point."""
    results = [one for method in found.values() for one in method if isinstance(one, Results)]
    if not results and reference is not None:
        raise ArgumentError("compare: reference is for studies of several objectives; these have one")
    point = reference_of(results, reference) if results else np.zeros(0)
    return {
        name: [one.incumbents(point) if isinstance(one, Results) else one for one in method]
        for name, method in found.items()
    }


def _run(task: Task, name: str, options: Mapping[str, Any], seed: int) -> Incumbents | Results:
    try:
        study = task(**options, seed=seed)
        if not isinstance(study, StudyView):
            raise ArgumentError(
                f"the task returned {study!r}; return the study that rung.tune or rung.simulate gave"
            )
        several = len(study.state.goals.metrics) > 1
        found = Results.of(study.state) if several else Incumbents.of(study.state)
    except Exception as error:
        error.add_note(f"compare: in method {name!r}, seed {seed}")
        raise
    logger.info("compare: %s, seed %d: %.4g s", name, seed, found.end)
    return found


def _check(methods: Mapping[str, Mapping[str, Any]]) -> None:
    example = '{"random": {"scheduler": "fifo"}, "asha": {"scheduler": "asha"}}'
    if not isinstance(methods, Mapping) or not methods:
        raise ArgumentError(f"compare: methods={methods!r}; give names and options, such as {example}")
    for name, options in methods.items():
        if not isinstance(options, Mapping):
            raise ArgumentError(
                f"compare: methods[{name!r}]={options!r}; give a dict of options, such as {example}"
            )
        if "seed" in options:
            raise ArgumentError(f"compare: methods[{name!r}] sets seed; leave that to seeds=")


def _distinct(seeds: int | Sequence[int]) -> tuple[int, ...]:
    numbers = tuple(dict.fromkeys(range(seeds) if isinstance(seeds, int) else seeds))
    if len(numbers) < 2:
        raise ArgumentError(f"compare: seeds={seeds!r}; one run is an anecdote: give at least 2, better 20")
    return numbers
