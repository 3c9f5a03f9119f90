"""The words of other libraries (Optuna, Ray Tune, Hyperopt and their like), and rung's for the same.

All of them stand here: whatever refuses a word that it does not know asks `advice` what to say.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_LONGEST = 100  # characters of a word that a near one is sought for

_SPACE = "the space, a dict of names and domains, is the second argument"
_GOES_ON = "nothing to say: the same call goes on with the study of its name="

ARGUMENTS: Mapping[str, str] = {
    "algo": "searcher=",
    "algorithm": "searcher=",
    "catch": 'on_error="continue", the default',
    "concurrency": "n_workers=",
    "config": _SPACE,
    "direction": 'mode="min" or mode="max"',
    "directions": 'metric={"error": "min", "accuracy": "max"}',
    "experiment_name": "name=",
    "fn": "the objective is the first argument",
    "func": "the objective is the first argument",
    "grace_period": "scheduler=rung.schedulers.ASHA(min_resource=...)",
    "load_if_exists": _GOES_ON,
    "local_dir": "storage=",
    "max_concurrent": "n_workers=",
    "max_concurrent_trials": "n_workers=",
    "max_epochs": "max_resource=",
    "max_evals": "n_trials=",
    "max_t": "max_resource=",
    "max_trials": "n_trials=",
    "metric_name": "metric=",
    "min_resource": "scheduler=rung.schedulers.ASHA(min_resource=...)",
    "n_calls": "n_trials=",
    "n_iter": "n_trials=",
    "n_jobs": "n_workers=",
    "num_samples": "n_trials=",
    "num_workers": "n_workers=",
    "param_space": _SPACE,
    "params": _SPACE,
    "pbounds": _SPACE,
    "points_to_evaluate": "initial_configs=",
    "pruner": 'scheduler="asha", and report by trial.report(epoch=..., ...)',
    "random_state": "seed=",
    "reduction_factor": "scheduler=rung.schedulers.ASHA(eta=...)",
    "resources_per_trial": "n_workers= and gpus_per_trial=",
    "restore": _GOES_ON,
    "resume": _GOES_ON,
    "rstate": "seed=",
    "sampler": 'searcher="tpe"',
    "search_alg": "searcher=",
    "search_space": _SPACE,
    "show_progress_bar": "progress=",
    "storage_path": "storage=",
    "study_name": "name=",
    "time_budget": "timeout=",
    "time_budget_s": "timeout=",
    "trainable": "the objective is the first argument",
    "verbose": "progress=",
}
"""Of `rung.tune` and whatever takes its arguments."""

STUDY: Mapping[str, str] = {
    "add_trial": "add(config, value)",
    "add_trials": "add(config, value)",
    "best_estimator": "best_config",
    "best_params": "best_config",
    "best_result": "best_trial",
    "best_trials": "front",
    "direction": "goals",
    "directions": "goals",
    "enqueue_trial": "ask(config), or initial_configs= of rung.tune",
    "get_best_result": "best_trial",
    "get_dataframe": "to_dataframe()",
    "get_trials": "trials",
    "optimize": "rung.tune(objective, space, ...)",
    "pareto_front": "front",
    "results_df": "to_dataframe()",
    "set_user_attr": "trial.log(...) in the objective",
    "study_name": "name",
    "trials_dataframe": "to_dataframe()",
    "user_attrs": "trials, each with its metrics",
}
"""Of a study."""

_DECLARED = 'the space says it before the first trial: {{"{name}": rung.{domain}}}; read config["{name}"]'


def _declared(domain: str, name: str = "x") -> str:
    return _DECLARED.format(name=name, domain=domain)


TRIAL: Mapping[str, str] = {
    "params": "config",
    "set_user_attr": "log(note=...)",
    "should_prune": "nothing to ask: report() ends a trial that the scheduler stops, as with "
    'rung.tune(..., scheduler="asha")',
    "suggest_categorical": _declared('Categorical(["a", "b"])'),
    "suggest_discrete_uniform": _declared("Float(0, 1, step=0.1)"),
    "suggest_float": _declared("Float(1e-5, 1e-1, log=True)", "lr"),
    "suggest_int": _declared("Int(1, 8)", "layers"),
    "suggest_loguniform": _declared("Float(1e-5, 1e-1, log=True)", "lr"),
    "suggest_uniform": _declared("Float(0, 1)"),
    "user_attrs": "log(note=...)",
}
"""Of the trial that an objective gets; and of its configuration, where that is called trial."""

STORED_TRIAL: Mapping[str, str] = {
    "duration": 'metrics["train_seconds"]',
    "intermediate_values": "reports, each with its resource and metrics",
    "last_result": "metrics",
    "params": "config",
    "state": "status",
    "user_attrs": "notes",
    "values": "metrics",
}
"""Of a trial of a study, such as `study.best_trial`."""

MODULE: Mapping[str, str] = {
    "Integer": "rung.Int(low, high)",
    "Real": "rung.Float(low, high)",
    "TrialPruned": "trial.report(...) ends a trial that the scheduler stops",
    "Tuner": "rung.tune(objective, space, ...)",
    "choice": "rung.Categorical([...])",
    "create_study": "rung.tune(objective, space, ...), or rung.Study(space) to ask and tell",
    "delete_study": "`rung delete NAME` in a terminal",
    "fmin": "rung.tune(objective, space, ...)",
    "grid_search": 'rung.Categorical([...]), and searcher="grid"',
    "hp": "rung.Float, rung.Int, rung.Categorical",
    "load_study": "rung.Study.load(name)",
    "lograndint": "rung.Int(low, high, log=True), which includes high",
    "loguniform": "rung.Float(low, high, log=True)",
    "minimize": "rung.tune(objective, space, ...)",
    "pruners": "rung.schedulers",
    "qrandint": "rung.Int(low, high, step=...), which includes high",
    "quniform": "rung.Float(low, high, step=...)",
    "randint": "rung.Int(low, high), which includes high",
    "randn": "a prior, such as scipy.stats.norm(0, 1), in the space",
    "report": "trial.report(epoch=..., value=...)",
    "run": "rung.tune(objective, space, ...)",
    "samplers": "rung.searchers",
    "uniform": "rung.Float(low, high)",
}
"""Of `rung` itself."""

PARTS: Mapping[str, Mapping[str, str]] = {
    "searcher": {
        "ax": "gp",
        "bayes": "gp",
        "bayesian": "gp",
        "bayesianoptimization": "gp",
        "bayesopt": "gp",
        "bo": "gp",
        "bohb": "tpe",
        "botorch": "gp",
        "bruteforcesampler": "grid",
        "cma": "cmaes",
        "cmaessampler": "cmaes",
        "evolutionary": "evolution",
        "gaussianprocess": "gp",
        "genetic": "evolution",
        "gpsampler": "gp",
        "gridsampler": "grid",
        "gridsearch": "grid",
        "halton": "sobol",
        "hyperopt": "tpe",
        "nsgaii": "evolution",
        "nsgaiisampler": "evolution",
        "optuna": "tpe",
        "qmc": "sobol",
        "qmcsampler": "sobol",
        "randomsampler": "random",
        "randomsearch": "random",
        "skopt": "gp",
        "smac": "gp",
        "tpesampler": "tpe",
    },
    "scheduler": {
        "ashascheduler": "asha",
        "asynchyperband": "asha",
        "asynchyperbandscheduler": "asha",
        "bohb": "hyperband",
        "fifoscheduler": "fifo",
        "hyperbandforbohb": "hyperband",
        "hyperbandpruner": "hyperband",
        "hyperbandscheduler": "hyperband",
        "medianpruner": "median",
        "medianstopping": "median",
        "medianstoppingrule": "median",
        "none": "fifo",
        "noppruner": "fifo",
        "nopruner": "fifo",
        "populationbasedtraining": "pbt",
        "sha": "successive-halving",
        "successivehalvingpruner": "asha",
    },
}
"""Names of searchers and schedulers, in small letters without "-", "_" and spaces."""


def advice(word: str, words: Mapping[str, str], known: Iterable[str] = ()) -> str:
    """What to write for `word`, as the end of an error: by the table `words`, else the nearest of `known`.

    It begins with "; ", and is "" if there is nothing to say.
    """
    if word in words:
        return f"; in rung: {words[word]}"
    near = nearest(word, known)
    return f"; did you mean {near!r}?" if near else ""


def part(kind: str, name: str, known: Iterable[str]) -> str | None:
    """The name of rung's own searcher or scheduler (`kind`) for `name`, else the nearest one, or None."""
    plain = name.casefold().translate(dict.fromkeys(map(ord, "-_ ")))
    return PARTS.get(kind, {}).get(plain) or nearest(name, known)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one of `known` that is spelled most like `word`, None if none is."""
    from difflib import get_close_matches

    found = get_close_matches(word, known, n=1) if len(word) <= _LONGEST else []
    return found[0] if found else None


OF_TUNE: set[str] = set()
"""The arguments of `rung.tune`, which `settings.py` fills in."""


def _whose(word: str) -> str:
    return "; it is an argument of rung.tune" if word in OF_TUNE else ""


def explained(function: Callable[P, T]) -> Callable[P, T]:
    """Let a wrong keyword of `function` be answered with the right one; it changes nothing else."""
    from inspect import signature

    known = list(signature(function).parameters)

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        for word in kwargs:
            if word not in known:
                raise TypeError(
                    f"{function.__qualname__}() got an unexpected keyword argument {word!r}"
                    f"{_whose(word) or advice(word, ARGUMENTS, known)}"
                )
        return function(*args, **kwargs)

    return call
