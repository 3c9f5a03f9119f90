"""All trials of a study; those restored from a snapshot are decoded when they are first read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import overload

from rung.study.growing import Growing
from rung.study.trial import Trial


class Trials(Growing[Trial]):
    """Trials in order of creation; each index always gives the same object."""

    def __init__(self) -> None:
        self._items: list[Trial | bytes] = []
        self._made: dict[int, Trial] = {}
        self._make: Callable[[int, bytes], Trial]

    def append(self, trial: Trial) -> None:
        """Add the next trial."""
        self._items.append(trial)

    def restore(self, items: Sequence[bytes | Trial], make: Callable[[int, bytes], Trial]) -> None:
        """Hold the lines of a snapshot, which `make(number, line)` decodes."""
        self._items, self._make = list(items), make

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> Trial: ...
    @overload
    def __getitem__(self, index: slice) -> list[Trial]: ...
    def __getitem__(self, index: int | slice) -> Trial | list[Trial]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        item = self._items[index]
        return self._trial(index % len(self), item) if isinstance(item, bytes) else item

    def _trial(self, number: int, line: bytes) -> Trial:
        # Two threads of a user's may ask at once: both get the object that was made first.
        trial = self._made.get(number) or self._made.setdefault(number, self._make(number, line))
        self._items[number] = trial
        return trial

    def __iter__(self) -> Iterator[Trial]:
        for number, item in enumerate(self._items):
            yield self._trial(number, item) if isinstance(item, bytes) else item

    def __repr__(self) -> str:
        return repr(list(self))
