"""Optuna's part of several/, run by the interpreter in .peers: `optimize`, define-by-run."""

from __future__ import annotations

import warnings
from typing import Any

import optuna
from benchmarks.blackbox.with_optuna import suggested
from benchmarks.several.problems import TRIALS, Objective, main

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)

SAMPLERS = {"TPE": optuna.samplers.TPESampler, "NSGA-II": optuna.samplers.NSGAIISampler}


def search(method: str, problem: Any, objective: Objective, seed: int) -> None:
    def evaluate(trial: optuna.Trial) -> Any:
        metrics = objective(suggested(trial, problem.space))
        trial.set_user_attr("broken", [metrics[name] - bound for name, bound in problem.constraints.items()])
        values = [metrics[name] for name in problem.objectives]
        return values if len(values) > 1 else values[0]

    options: dict[str, Any] = {"population_size": 20} if method == "NSGA-II" else {}
    if problem.constraints:
        options["constraints_func"] = lambda trial: trial.user_attrs["broken"]
    study = optuna.create_study(
        directions=["minimize"] * len(problem.objectives), sampler=SAMPLERS[method](seed=seed, **options)
    )
    study.optimize(evaluate, n_trials=TRIALS)


if __name__ == "__main__":
    main(dict.fromkeys(SAMPLERS, optuna.__version__), search)
