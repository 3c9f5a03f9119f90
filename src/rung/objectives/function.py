"""The user's objective: how it is called, and what it may return."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from types import CodeType
from typing import TYPE_CHECKING, Any

from rung._text import brief
from rung.errors import MetricError, ObjectiveError
from rung.objectives.command import Command
from rung.objectives.metrics import as_metrics, shown
from rung.objectives.signature import ASK, name_of, read_signature
from rung.space import Space
from rung.study.metrics import Goals

if TYPE_CHECKING:
    from rung.objectives.trial import RunningTrial


@dataclass(frozen=True, slots=True)
class Objective:
    """A function with the way it wants its arguments; build it by `bind`."""

    function: Callable[..., Any]
    unpacked: bool
    """Called as f(**config) rather than f(config)."""
    takes_trial: bool
    metrics: tuple[str, ...]
    """The tuned metrics; a plain number returned is the first one's value."""
    names: tuple[str, ...] = ()
    """The hyperparameters."""

    @classmethod
    def of(
        cls, function: Callable[..., Any], space: Space, goals: Goals, max_resource: int | None = None
    ) -> Objective:
        """The objective of a study; raises ObjectiveError for what can't work in any of its trials."""
        metrics = goals.tuned
        if isinstance(function, Command):
            function.check(space, metrics, max_resource)
        return cls.bind(function, space.names, metrics)

    @classmethod
    def bind(
        cls, function: Callable[..., Any], names: Collection[str], metrics: tuple[str, ...]
    ) -> Objective:
        """Read the signature; raises ObjectiveError if no call f(config), f(config, trial), f(**config) fits.

        `names` are the hyperparameters; see `read_signature`.
        """
        if not callable(function):
            raise ObjectiveError(f"objective={brief(function)} is not callable; {ASK}")
        if inspect.iscoroutinefunction(function):
            raise ObjectiveError(f"{name_of(function)} is async, which rung can't call; {ASK}")
        return cls(function, *read_signature(function, names), metrics, tuple(names))

    def __call__(self, config: Mapping[str, Any], trial: RunningTrial) -> dict[str, float]:
        """Run the function on its own copy of the configuration and read what it returns."""
        if self.unpacked:
            result = self.function(**config, **({"trial": trial} if self.takes_trial else {}))
        else:
            result = self.function(dict(config), trial) if self.takes_trial else self.function(dict(config))
        return self.read(result)

    def read(self, result: Any) -> dict[str, float]:
        """Turn what an objective returned into metrics; raises MetricError on what is no result."""
        if result is None:
            return {}
        if isinstance(result, Mapping):
            return as_metrics(result, self.metrics)
        if len(self.metrics) > 1:
            raise MetricError(
                f"the objective returned {shown(result)}; "
                f"with several metrics return a dict: {_example(self.metrics)}"
            )
        return as_metrics({self.metrics[0]: result}, self.metrics)


def fingerprint(function: Callable[..., Any]) -> str:
    """A digest of a function's code, "" if it has none: tells that an objective was changed."""
    while isinstance(function, functools.partial):
        function = function.func
    code = getattr(inspect.unwrap(function), "__code__", None)
    text = repr(function) if isinstance(function, Command) else _code_text(code) if code else ""
    return blake2b(text.encode(errors="backslashreplace"), digest_size=8).hexdigest() if text else ""


def _code_text(code: CodeType) -> str:
    inner = [_code_text(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    return repr((sys.version_info[:2], code.co_code, code.co_names, inner))


def _example(metrics: tuple[str, ...]) -> str:
    return "{" + ", ".join(f"{name!r}: ..." for name in metrics) + "}"
