"""What a searcher is: it chooses the next configuration."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol, runtime_checkable

from numpy.random import Generator

from rung.space import Config, Space, Value
from rung.study.history import History


class Suggestion(dict[str, Value]):
    """A configuration, and `origin`: from which part of the searcher it came. The log keeps both."""

    __slots__ = ("origin",)

    def __init__(self, config: Config, origin: str) -> None:
        super().__init__(config)
        self.origin = origin


@runtime_checkable
class Searcher(Protocol):
    """Chooses configurations: a function of the space, the history and a generator.

    It holds no state but caches, which may be thrown away at any time without changing an answer.
    """

    name: ClassVar[str]

    def suggest(self, history: History, rng: Generator) -> Config | None:
        """Return the configuration of the next trial, or None if nothing is left to try.

        `rng` belongs to this decision alone: equal histories give equal answers, now and after a restart.
        A `Suggestion` says of which part of the searcher it is.
        """
        ...

    def check(self, space: Space) -> None:
        """Raise SpaceError if this searcher can't search `space`."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Return its name and arguments, for the log."""
        ...
