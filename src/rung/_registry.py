"""The parts of one kind by their names: how a searcher, a scheduler is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from rung import _other_libraries
from rung._text import brief
from rung.errors import ArgumentError

T = TypeVar("T")


class Registry(dict[str, Callable[..., T]]):
    """Names and what makes a part: most often a class.

    Parameters
    ----------
    kind : str
        What the parts are, such as "searcher".
    parts : mapping
        By name, a class or function that needs no arguments; of storages, by a URL's scheme, one of two.
    methods : sequence of str
        What an object of the kind has: anything that has them may stand in for a name.
    """

    def __init__(self, kind: str, parts: Mapping[str, Callable[..., T]], methods: Sequence[str]) -> None:
        super().__init__(parts)
        self.kind, self.methods = kind, methods

    def of(self, part: str | T) -> T:
        """Return `part`, or the one of that name with its default arguments; Error if it is neither."""
        if isinstance(part, str):
            if part in self:
                return self[part]()
        elif not isinstance(part, type) and all(callable(getattr(part, name, None)) for name in self.methods):
            return part
        raise ArgumentError(
            f"unknown {self.kind} {brief(part)}; {self._hint(part)}choose from {', '.join(self)}; "
            f"or give an object with {', '.join(self.methods)}"
        )

    def _hint(self, part: object) -> str:
        if isinstance(part, type):
            return f"did you mean {part.__name__}()? Else "
        near = _other_libraries.part(self.kind, part, self) if isinstance(part, str) else None
        return f"did you mean {near!r}? Else " if near else ""
