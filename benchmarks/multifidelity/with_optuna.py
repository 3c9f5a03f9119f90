"""Optuna's part of multifidelity/, run by the interpreter in .peers: ask and tell on the virtual clock."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import optuna
from benchmarks.multifidelity.tasks import ETA, Config, Curves, Reported, drive, main, random_configs

optuna.logging.set_verbosity(optuna.logging.ERROR)


def tpe(seed: int) -> optuna.samplers.BaseSampler:
    return optuna.samplers.TPESampler(seed=seed)


def random(seed: int) -> optuna.samplers.BaseSampler:
    return optuna.samplers.RandomSampler(seed=seed)


def halving(_epochs: int) -> optuna.pruners.BasePruner:
    return optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=ETA)


def hyperband(epochs: int) -> optuna.pruners.BasePruner:
    return optuna.pruners.HyperbandPruner(min_resource=1, max_resource=epochs, reduction_factor=ETA)


METHODS: dict[str, tuple[Callable[[int], optuna.samplers.BaseSampler], Callable]] = {
    "random, successive halving": (random, halving),
    "TPE, successive halving": (tpe, halving),
    "TPE, hyperband": (tpe, hyperband),
}


class Tuner:
    """An Optuna study behind ask and report."""

    def __init__(self, method: str, curves: Curves, seed: int) -> None:
        sampler, pruner = METHODS[method]
        self.study = optuna.create_study(
            study_name=f"{method} {seed}", sampler=sampler(seed), pruner=pruner(curves.epochs)
        )  # Hyperband draws brackets from the study's name
        self.space, self.epochs = curves.space, curves.epochs
        self.trials = 0
        self.configs = random_configs(seed) if sampler is random else []

    def ask(self) -> tuple[optuna.Trial, Config]:
        if self.configs:
            self.study.enqueue_trial(self.configs[self.trials])
        self.trials += 1
        trial = self.study.ask()
        return trial, {d["name"]: self._suggest(trial, d) for d in self.space}

    def report(self, trial: optuna.Trial, epoch: int, loss: float) -> bool:
        trial.report(loss, epoch)
        if epoch == self.epochs:
            self.study.tell(trial, loss)
        elif trial.should_prune():
            self.study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            return True
        return False

    def _suggest(self, trial: optuna.Trial, domain: dict) -> float:
        suggest = trial.suggest_int if domain["type"] == "int" else trial.suggest_float
        return suggest(domain["name"], domain["low"], domain["high"], log=domain["log"])


def run(method: str, curves: Curves, workers: int, seed: int) -> tuple[list[Reported], int]:
    tuner = Tuner(method, curves, seed)
    return drive(tuner, curves, workers), tuner.trials


if __name__ == "__main__":
    if sys.argv[1] == "--methods":
        print(json.dumps(dict.fromkeys(METHODS, optuna.__version__)))
    else:
        main(run)
