"""SMAC's part of league/, run by the interpreter in .peers-smac; see blackbox/with_smac.py."""

from __future__ import annotations

import math
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.blackbox.tasks import Config, Space
from benchmarks.blackbox.with_smac import space_of
from benchmarks.league.one_run import Worst, main, search_by
from smac import HyperparameterOptimizationFacade, Scenario
from smac.runhistory.dataclasses import TrialValue
from smac.runhistory.enumerations import StatusType


class Study:
    """A study behind ask and tell."""

    def __init__(self, _method: str, space: Space, seed: int, trials: int) -> None:
        self._number = Worst()
        self._folder = tempfile.TemporaryDirectory()
        made, output = space_of(space, seed), Path(self._folder.name)
        scenario = Scenario(made, deterministic=True, n_trials=trials, seed=seed, output_directory=output)
        self._smac = HyperparameterOptimizationFacade(scenario, logging_level=False)

    def ask(self) -> tuple[Any, Config]:
        trial = self._smac.ask()
        return trial, dict(trial.config)

    def tell(self, handle: Any, config: Config, loss: float) -> None:
        """Of a crashed trial it wants a number too; its own, infinity, breaks its model."""
        status = StatusType.SUCCESS if math.isfinite(loss) else StatusType.CRASHED
        self._smac.tell(handle, TrialValue(cost=self._number(loss), status=status))

    def recommended(self) -> Config | None:
        return None


if __name__ == "__main__":
    main(lambda: {"random forest": version("smac")}, lambda _: version("smac"), search_by(Study))
