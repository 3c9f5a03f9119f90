"""compare(): the same task by several methods, over repeated seeds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rung._view import StudyView
from rung.analysis.comparison import Comparison, Incumbents
from rung.errors import ArgumentError

logger = logging.getLogger("rung")

Task = Callable[..., StudyView]
"""Runs one study, given a method's options and a `seed`, all by name."""


def compare(
    methods: Mapping[str, Mapping[str, Any]], task: Task, *, seeds: int | Sequence[int] = 20
) -> Comparison:
    """Run `task` with each method's options once for each seed, and compare how fast they get how good.

        task = functools.partial(rung.simulate, space, curve, max_resource=27, timeout="8h", n_workers=4)
        comparison = rung.compare({"random": {"scheduler": "fifo"}, "asha": {"scheduler": "asha"}}, task)
        print(comparison)
        comparison.plot()

    Args:
        methods: A name for each method, and the options by which it differs from the others.
        task: What all have in common: `task(**options, seed=seed)` runs a study and returns it. Most often
            `functools.partial` of `rung.simulate` or `rung.tune` with all other arguments. Give each study
            the same budget of time; with the same number of trials, methods that stop trials early do less.
        seeds: How many (0, 1, 2, ...), or which ones.

    Raises:
        ArgumentError: If there are no methods, or fewer than two seeds.
        NoTrialError: If no trial of a study gave a value.
    """
    _check(methods)
    numbers = _distinct(seeds)
    runs: dict[str, list[Incumbents]] = {name: [] for name in methods}
    for seed in numbers:
        for name, options in methods.items():
            runs[name].append(_run(task, name, options, seed))
    return Comparison.of(runs, numbers)


def _run(task: Task, name: str, options: Mapping[str, Any], seed: int) -> Incumbents:
    try:
        study = task(**options, seed=seed)
        if not isinstance(study, StudyView):
            raise ArgumentError(
                f"the task returned {study!r}; return the study that rung.tune or rung.simulate gave"
            )
        found = Incumbents.of(study.state)
    except Exception as error:
        error.add_note(f"compare: in method {name!r}, seed {seed}")
        raise
    logger.info("compare: %s, seed %d: %.6g after %.4g s", name, seed, found.values[-1], found.end)
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
