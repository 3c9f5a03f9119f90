"""rung's part of several/, run by the interpreter in .peers-bench: searchers by ask and tell."""

from __future__ import annotations

from typing import Any

from benchmarks.blackbox.with_rung import space_of, stamp
from benchmarks.several.problems import TRIALS, Objective, main

import rung


def search(method: str, problem: Any, objective: Objective, seed: int) -> None:
    study = rung.Study(
        space_of(problem.space),
        metric=dict.fromkeys(problem.objectives, "min"),
        constraints={name: f"<= {bound!r}" for name, bound in problem.constraints.items()},
        searcher=method,
        storage=":memory:",
        seed=seed,
    )
    for _ in range(TRIALS):
        trial = study.ask()
        study.tell(trial, objective(trial.config))


if __name__ == "__main__":
    main(dict.fromkeys(("auto", "evolution", "tpe", "random"), stamp()), search)
