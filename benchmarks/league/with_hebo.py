"""HEBO's part of league/, run by the interpreter in .peers-hebo; see blackbox/with_hebo.py."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from benchmarks.blackbox.tasks import Config, Space
from benchmarks.blackbox.with_hebo import parameter_of
from benchmarks.league.one_run import Worst, main, search_by
from hebo.design_space.design_space import DesignSpace
from hebo.optimizers.hebo import HEBO


class Study:
    """A study behind ask and tell."""

    def __init__(self, _method: str, space: Space, seed: int, _trials: int) -> None:
        np.random.seed(seed)  # noqa: NPY002, TID251 - its evolution draws from there
        torch.manual_seed(seed)
        self._optimizer = HEBO(DesignSpace().parse([parameter_of(d) for d in space]), scramble_seed=seed)
        self._number = Worst()

    def ask(self) -> tuple[Any, Config]:
        suggested = self._optimizer.suggest(n_suggestions=1)
        return suggested, suggested.iloc[0].to_dict()

    def tell(self, handle: Any, config: Config, loss: float) -> None:
        """It knows no failed trials: one counts as the worst so far."""
        self._optimizer.observe(handle, np.array([[self._number(loss)]]))

    def recommended(self) -> Config | None:
        return None


if __name__ == "__main__":
    main(lambda: {"default": version("HEBO")}, lambda _: version("HEBO"), search_by(Study))
