"""rung's part of transfer/: gp with `learn_from`, without it, and with sources that mislead."""

from __future__ import annotations

from typing import Any

import numpy as np
from benchmarks.blackbox.with_rung import space_of, stamp
from benchmarks.transfer.problems import TRIALS, Sources, main

import rung

METHODS = ("warm", "cold", "negated", "shuffled")
"""With the sources, without, with their losses negated, and with them dealt out at random."""


def studies(method: str, problem: Any, sources: Sources, seed: int) -> list[rung.StudyView]:
    """The sources as studies of rung, their losses as the method wants them."""
    found = []
    for i, (name, results) in enumerate(sources.items() if method != "cold" else ()):
        losses = [loss for _, loss in results]
        if method == "shuffled":
            losses = np.random.default_rng([seed, i]).permutation(losses).tolist()
        sign = -1 if method == "negated" else 1
        study = rung.Study(
            space_of(problem.space), metric="loss", searcher="random", name=name, storage=":memory:"
        )
        for (config, _), loss in zip(results, losses, strict=True):
            study.add(config, sign * loss)
        found.append(study)
    return found


def search(method: str, problem: Any, sources: Sources, objective: Any, seed: int) -> None:
    study = rung.Study(
        space_of(problem.space),
        metric="loss",
        searcher="gp",
        storage=":memory:",
        seed=seed,
        learn_from=studies(method, problem, sources, seed),
    )
    for _ in range(TRIALS):
        trial = study.ask()
        assert trial is not None
        study.tell(trial, objective(trial.config))


if __name__ == "__main__":
    main(dict.fromkeys(METHODS, stamp()), search)
