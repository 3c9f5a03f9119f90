"""Ax's part of league/, run by the interpreter in .peers-ax; see blackbox/with_ax.py."""

from __future__ import annotations

import math
from importlib.metadata import version
from typing import Any

from ax.api.client import Client
from benchmarks.blackbox.tasks import Config, Space
from benchmarks.blackbox.with_ax import parameter_of
from benchmarks.league.one_run import main, search_by


class Study:
    """A study behind ask and tell."""

    def __init__(self, _method: str, space: Space, seed: int, _trials: int) -> None:
        self._client = Client(random_seed=seed)
        self._client.configure_experiment([parameter_of(d) for d in space])
        self._client.configure_optimization(objective="-loss")

    def ask(self) -> tuple[Any, Config]:
        ((index, config),) = self._client.get_next_trials(max_trials=1).items()
        return index, config

    def tell(self, handle: Any, config: Config, loss: float) -> None:
        if math.isfinite(loss):
            self._client.complete_trial(handle, raw_data={"loss": loss})
        else:
            self._client.mark_trial_failed(handle)

    def recommended(self) -> Config | None:
        return None


if __name__ == "__main__":
    main(lambda: {"default": version("ax-platform")}, lambda _: version("ax-platform"), search_by(Study))
