"""An earlier study as searchers see it: its trials on the space of the new one."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rung.space import Config, Space
from rung.study.events import EarlierStudyRead


@dataclass(frozen=True, slots=True)
class EarlierStudy:
    """Configurations of the new study's space, and the losses that an earlier one observed.

    Losses are comparable within the study alone: another data set has another scale.
    """

    source: str
    configs: tuple[Config, ...]
    losses: tuple[float, ...]
    """Finite; lower is better."""

    @classmethod
    def of(cls, event: EarlierStudyRead, space: Space) -> EarlierStudy:
        """Read it from the log; raises ConfigError or ValueError if it does not fit `space`."""
        configs = tuple(space.validate(space.config_from_json(c)) for c in event.results["configs"])
        losses = tuple(map(float, event.results["losses"]))
        if len(configs) != len(losses) or not configs or not all(map(math.isfinite, losses)):
            raise ValueError(f"{len(configs)} configurations with losses {losses}")
        return cls(event.source, configs, losses)
