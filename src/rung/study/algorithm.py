"""What searchers and schedulers have in common: they are values that say what they can't do."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

from rung.space import Space
from rung.study.metrics import Goals


@dataclass(frozen=True)
class Problem:
    """What a study asks of its algorithms.

    Attributes
    ----------
    space : Space
        Where configurations come from.
    goals : Goals
        Metrics and constraints.
    max_resource : int or None
        The resource at which a trial is complete, if there is one.
    """

    space: Space
    goals: Goals
    max_resource: int | None = None


@dataclass(frozen=True)
class Algorithm:
    """Arguments and functions of a history, no state: a frozen dataclass, whose fields are the arguments.

    They give it equality, its repr and its form in the log. What is expensive to derive from a history is
    kept by `History.cached`.
    """

    name: ClassVar[str]
    """What users and logs call it."""
    first_objective_only: ClassVar[bool] = False
    """Whether it compares trials by the first of several objectives alone, which is then said."""

    def check(self, problem: Problem) -> None:
        """Raise ArgumentError if this can't be used for `problem`; by default any will do."""

    def to_json(self) -> dict[str, Any]:
        """Return the name and the arguments, for the log."""
        return {"name": self.name} | {field.name: getattr(self, field.name) for field in fields(self)}
