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
from rung.space import Space
from rung.study.metrics import Goals

if TYPE_CHECKING:
    from rung.objectives.trial import RunningTrial

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_ASK = "write it as f(config), f(config, trial) or f(**config)"


@dataclass(frozen=True, slots=True)
class Objective:
    """A function with the way it wants its arguments; build it by `bind`."""

    function: Callable[..., Any]
    unpacked: bool
    """Called as f(**config) rather than f(config)."""
    takes_trial: bool
    metrics: tuple[str, ...]
    """The tuned metrics; a plain number returned is the first one's value."""

    @classmethod
    def of(
        cls, function: Callable[..., Any], space: Space, goals: Goals, max_resource: int | None = None
    ) -> Objective:
        """The objective of a study; raises ObjectiveError for what can't work in any of its trials."""
        metrics = tuple(metric.name for metric in goals.metrics)
        if isinstance(function, Command):
            function.check(space, metrics, max_resource)
        return cls.bind(function, space.names, metrics)

    @classmethod
    def bind(
        cls, function: Callable[..., Any], names: Collection[str], metrics: tuple[str, ...]
    ) -> Objective:
        """Read the signature; raises ObjectiveError if no call f(config), f(config, trial), f(**config) fits.

        `names` are the hyperparameters. A first parameter that is one of them, or a lone ``**kwargs``,
        asks for f(**config).
        """
        if not callable(function):
            raise ObjectiveError(f"objective={brief(function)} is not callable; {_ASK}")
        if inspect.iscoroutinefunction(function):
            raise ObjectiveError(f"{_name(function)} is async, which rung can't call; {_ASK}")
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):  # some builtins tell no signature
            return cls(function, False, False, metrics)
        positional = [p for p in parameters if p.kind in _POSITIONAL]
        var_keyword = any(p.kind is p.VAR_KEYWORD for p in parameters)
        first = positional[0] if positional else None
        keyword_only = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
        by_name = first is not None and first.kind is not first.POSITIONAL_ONLY and first.name in names
        if by_name or (first is None and (var_keyword or keyword_only)):
            return cls(function, True, _check_unpacked(function, parameters, names), metrics)
        return cls(function, False, _check_positional(function, parameters), metrics)

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
            return as_metrics(result)
        if len(self.metrics) > 1:
            raise MetricError(
                f"the objective returned {shown(result)}; "
                f"with several metrics return a dict: {_example(self.metrics)}"
            )
        return as_metrics({self.metrics[0]: result})


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


def _check_positional(function: Callable[..., Any], parameters: list[inspect.Parameter]) -> bool:
    positional = [p for p in parameters if p.kind in _POSITIONAL]
    if not positional and not any(p.kind is p.VAR_POSITIONAL for p in parameters):
        raise ObjectiveError(f"{_name(function)} takes no argument; {_ASK}")
    second = positional[1] if len(positional) > 1 else None
    takes_trial = second is not None and (second.default is second.empty or second.name == "trial")
    others = [p for p in positional[1 + takes_trial :] if p.default is p.empty]
    others += [p for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    if others:
        raise ObjectiveError(
            f"{_name(function)}: nothing to give for {', '.join(p.name for p in others)}; "
            f"{_ASK}, and set other arguments by functools.partial or a default"
        )
    return takes_trial


def _check_unpacked(
    function: Callable[..., Any], parameters: list[inspect.Parameter], names: Collection[str]
) -> bool:
    accepted = {
        p.name for p in parameters if p.kind not in {p.VAR_POSITIONAL, p.VAR_KEYWORD, p.POSITIONAL_ONLY}
    }
    takes_trial = "trial" in accepted and "trial" not in names
    if not any(p.kind is p.VAR_KEYWORD for p in parameters) and (unknown := set(names) - accepted):
        raise ObjectiveError(
            f"{_name(function)} takes no argument {', '.join(sorted(unknown))}, which the space has; "
            "add it, or take the whole dict: f(config)"
        )
    lacking = [
        p.name
        for p in parameters
        if p.name in accepted and p.default is p.empty and p.name not in {*names, "trial"}
    ]
    if lacking:
        raise ObjectiveError(
            f"{_name(function)}: nothing to give for {', '.join(lacking)}; "
            "add it to the space or give it a default"
        )
    return takes_trial


def _name(function: Any) -> str:
    return f"objective {getattr(function, '__name__', type(function).__name__)}"


def _example(metrics: tuple[str, ...]) -> str:
    return "{" + ", ".join(f"{name!r}: ..." for name in metrics) + "}"
