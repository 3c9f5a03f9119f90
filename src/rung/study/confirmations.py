"""What the log says of a confirmation: the order of its events is the proof that claim runs chose nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

NO_NOISE = "no noise"
"""The reason of a choice after two fresh runs that gave exactly what the search had seen."""


@dataclass(slots=True)
class Confirmation:
    """Finalists, and the trials that run them again. Only the fold changes them.

    Attributes
    ----------
    finalists : tuple of int
        Numbers of trials, the best by what the search observed first.
    runs : int
        Fresh runs in all.
    claim : int
        How many of them the winner gets after it was chosen, at least.
    compared : tuple of int
        Trials that are run beside the finalists and can't win.
    first : int
        The number of the first fresh seed: none of an earlier confirmation comes again.
    winner : int or None
        The finalist that was chosen.
    reason : str
        Why it was chosen then: "rounds", "settled", "only one" or "no noise".
    choosing : list of int
        Repeats that were created before the choice.
    claiming : list of int
        Repeats that were created after it.
    """

    finalists: tuple[int, ...]
    runs: int
    claim: int
    compared: tuple[int, ...] = ()
    first: int = 0
    winner: int | None = None
    reason: str = ""
    choosing: list[int] = field(default_factory=list)
    claiming: list[int] = field(default_factory=list)

    @property
    def repeats(self) -> Iterator[int]:
        """All repeats, in order of creation."""
        yield from self.choosing
        yield from self.claiming

    def may_repeat(self, trial: int) -> bool:
        """Whether `trial` may be run again now: after the choice, only the winner."""
        if self.winner is not None:
            return trial == self.winner
        return trial in self.finalists or trial in self.compared
