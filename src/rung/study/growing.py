"""What is read like a list, and only ever grows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T_co = TypeVar("T_co", covariant=True)


class Growing(Sequence[T_co]):
    """Equal to each sequence of the same items; has no hash, since it grows."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]
