"""rung: hyperparameter optimisation that loses nothing.

    import rung

    def objective(config):
        return (config["x"] - 0.3) ** 2

    study = rung.tune(objective, {"x": rung.Float(0, 1)}, n_trials=20)
    print(study.best_config)

The names below are imported when they are first used, so that ``import rung`` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from rung import errors as errors
    from rung import schedulers as schedulers
    from rung import searchers as searchers
    from rung._check import check_objective as check_objective
    from rung._compare import compare as compare
    from rung._dashboard import dashboard as dashboard
    from rung._dry_run import dry_run as dry_run
    from rung._portfolio import portfolio as portfolio
    from rung._simulate import simulate as simulate
    from rung._study import Study as Study
    from rung._tune import tune as tune
    from rung._view import StudyView as StudyView
    from rung.errors import Error as Error
    from rung.errors import Interrupted as Interrupted
    from rung.execution.dask import Dask as Dask
    from rung.execution.ray import Ray as Ray
    from rung.execution.remote import Remote as Remote
    from rung.execution.slurm import Slurm as Slurm
    from rung.objectives.command import Command as Command
    from rung.objectives.ended import TrialEnded as TrialEnded
    from rung.objectives.ended import TrialInterrupted as TrialInterrupted
    from rung.objectives.ended import TrialPaused as TrialPaused
    from rung.objectives.ended import TrialStopped as TrialStopped
    from rung.objectives.trial import RunningTrial as RunningTrial
    from rung.space import Categorical as Categorical
    from rung.space import Constant as Constant
    from rung.space import Distribution as Distribution
    from rung.space import Float as Float
    from rung.space import Int as Int
    from rung.space import Ordinal as Ordinal
    from rung.space import Space as Space
    from rung.space import param as param
    from rung.study.events import Verdict as Verdict
    from rung.study.stopping import NoImprovement as NoImprovement
    from rung.study.stopping import Target as Target
    from rung.study.trial import Trial as Trial
    from rung.views.callbacks import Update as Update

_HOMES = {
    "rung": ("errors", "schedulers", "searchers"),
    "rung._check": ("check_objective",),
    "rung._compare": ("compare",),
    "rung._dashboard": ("dashboard",),
    "rung._dry_run": ("dry_run",),
    "rung._portfolio": ("portfolio",),
    "rung._simulate": ("simulate",),
    "rung._study": ("Study",),
    "rung._tune": ("tune",),
    "rung._view": ("StudyView",),
    "rung.errors": ("Error", "Interrupted"),
    "rung.execution.dask": ("Dask",),
    "rung.execution.ray": ("Ray",),
    "rung.execution.remote": ("Remote",),
    "rung.execution.slurm": ("Slurm",),
    "rung.objectives.command": ("Command",),
    "rung.objectives.ended": ("TrialEnded", "TrialInterrupted", "TrialPaused", "TrialStopped"),
    "rung.objectives.trial": ("RunningTrial",),
    "rung.space": ("Categorical", "Constant", "Distribution", "Float", "Int", "Ordinal", "Space", "param"),
    "rung.study.events": ("Verdict",),
    "rung.study.stopping": ("NoImprovement", "Target"),
    "rung.study.trial": ("Trial",),
    "rung.views.callbacks": ("Update",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME)  # noqa: PLE0605 -- one list, above


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise _missing(name)
    module = importlib.import_module(f"rung.{name}" if home == "rung" else home)
    value = module if home == "rung" else getattr(module, name)
    globals()[name] = value
    return value


def _missing(name: str) -> AttributeError:
    from rung._other_libraries import MODULE, advice

    hint = "" if name.startswith("_") else advice(name, MODULE, _HOME)
    return AttributeError(f"module 'rung' has no attribute {name!r}{hint}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
