"""What is to be done next to confirm a winner."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Choose:
    """Log the finalists."""

    finalists: tuple[int, ...]
    runs: int
    claim: int
    compared: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Repeat:
    """Run a trial again on the seed of that number."""

    trial: int
    number: int


@dataclass(frozen=True, slots=True)
class Elect:
    """Log the winner."""

    trial: int
    reason: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Repeats have to end first."""


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing is left to run again."""


Action = Choose | Repeat | Elect | Wait | Done
