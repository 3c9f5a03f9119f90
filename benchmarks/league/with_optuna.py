"""Optuna's part of league/, run by the interpreter in .peers: by ask and tell; TPE also stops early."""

from __future__ import annotations

import heapq
import math
import warnings
from collections.abc import Sequence
from typing import Any

import optuna
from benchmarks.blackbox.tasks import Config, Space
from benchmarks.blackbox.with_optuna import suggested
from benchmarks.league.one_run import Trainings, main, run
from benchmarks.league.tasks import Task
from optuna.trial import TrialState

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.simplefilter("ignore")

SAMPLERS = {
    "TPE": optuna.samplers.TPESampler,
    "GP": optuna.samplers.GPSampler,
    "CMA-ES": optuna.samplers.CmaEsSampler,
}


class Study:
    """A study behind ask and tell."""

    def __init__(self, method: str, space: Space, seed: int) -> None:
        self._space = space
        self._study = optuna.create_study(sampler=SAMPLERS[method](seed=seed))

    def ask(self) -> tuple[Any, Config]:
        trial = self._study.ask()
        return trial, suggested(trial, self._space)

    def tell(self, handle: Any, config: Config, loss: float) -> None:
        if math.isfinite(loss):
            self._study.tell(handle, loss)
        else:
            self._study.tell(handle, state=TrialState.FAIL)

    def recommended(self) -> Config | None:
        return None


def halving(method: str, task: Task, seed: int, marks: Sequence[int], workers: int) -> dict[str, Any]:
    """Successive halving; the order of events is that of rung's simulator."""
    epochs, trainings = task.training.epochs, Trainings(task, seed)
    pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3)
    study = optuna.create_study(sampler=SAMPLERS[method](seed=seed), pruner=pruner)
    queue: list[tuple[float, int, int, float, optuna.Trial, Config]] = []
    planned = 0

    def plan(now: float, epoch: int, trial: optuna.Trial, config: Config) -> None:
        nonlocal planned
        planned += 1
        heapq.heappush(
            queue, (now + 1, planned, epoch, trainings.epoch(trial.number, config, now), trial, config)
        )

    def start(now: float) -> None:
        trial = study.ask()
        plan(now, 1, trial, suggested(trial, task.space))

    for _ in range(workers):
        start(0.0)
    while queue[0][0] <= marks[-1] * epochs / workers:
        now, _, epoch, loss, trial, config = heapq.heappop(queue)
        if not math.isfinite(loss):
            study.tell(trial, state=TrialState.FAIL)
        elif epoch == epochs:
            study.tell(trial, loss)
        else:
            trial.report(loss, epoch)
            if not trial.should_prune():
                plan(now, epoch + 1, trial, config)
                continue
            study.tell(trial, state=TrialState.PRUNED)
        trainings.over(trial.number)
        start(now)
    return trainings.returned(marks, workers) | {"trials": len(study.trials)}


def search(method: str, task: Task, seed: int, marks: Sequence[int], workers: int) -> dict[str, Any]:
    if task.name.startswith("real-asha:"):
        return halving(method, task, seed, marks, workers)
    return run(Study(method, task.space, seed), task, seed, marks, workers)


if __name__ == "__main__":
    main(lambda: dict.fromkeys(SAMPLERS, optuna.__version__), lambda _: optuna.__version__, search)
