"""A trial is one configuration; an attempt is one run of it. Only the fold changes them."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from rung._sparkline import svg
from rung._tables import html_table
from rung._text import visible
from rung.study.events import FINAL, WAITING
from rung.study.notes import Note
from rung.study.reports import Curve, Reports

IMPORTED = "imported"
"""The origin of a trial that ran before this study, or in another one: it counts towards no budget."""


@dataclass(slots=True)
class Attempt:
    """One run of a trial."""

    number: int
    started: float
    target: int | None = None
    """The resource at which the scheduler looks at the trial again; None is the maximum."""
    ended: float | None = None
    outcome: str | None = None
    verdict: str | None = None
    """What the scheduler said, once it said other than to continue."""
    reason: str = ""
    traceback: str = field(default="", repr=False)


@dataclass(slots=True, repr=False)
class Trial:
    """One configuration and all that is known of it.

    Attributes
    ----------
    number : int
        Counted from 0 in the order of creation.
    config : dict
        The configuration; inactive hyperparameters are absent.
    origin : str
        What chose it: "searcher" or the part of it that did, "scheduler", "initial" (a configuration of the
        user's), or "confirm" (a repeat). Or "imported": an earlier result, which cost this study nothing.
    created : float
        Seconds on the study's clock, which stands still between two sessions.
    reports : sequence of Report
        The learning curve: one report per resource, the latest attempt's where attempts overlap. A report has
        `resource`, `metrics`, `attempt` and `t` (seconds on the study's clock).
    parent : int or None
        The trial from whose checkpoint this one began.
    status : str
        "created", "running", or how the last attempt ended: "completed", "stopped" or "failed" for good,
        "paused", or "lost" and "interrupted", which run again by themselves.
    value : float or None
        The tuned metric of a completed trial, or of the last report of a stopped or paused one; with several
        objectives, the first one.
    metrics : dict of str to float
        All metrics of the result, `train_seconds`, `cpu_seconds` and `peak_memory_mb` among them.
    feasible : bool
        Whether the metrics keep all constraints.
    attempts : list of Attempt
        The runs of the trial.
    held_back : dict of str to float
        The metrics of `report_only`.
    notes : list of Note
        What `trial.log` kept: each has `attempt`, `t`, `values` and `files`.
    repeats : int or None
        The trial whose configuration this one runs again, on a fresh seed, to confirm it.
    repeat : int or None
        The number of that seed.
    """

    number: int
    config: dict[str, Any]
    origin: str
    created: float
    reports: Reports = field(repr=False)
    parent: int | None = None
    status: str = "created"
    value: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    feasible: bool = True
    attempts: list[Attempt] = field(default_factory=list, repr=False)
    held_back: dict[str, float] = field(default_factory=dict, repr=False)
    notes: list[Note] = field(default_factory=list, repr=False)
    repeats: int | None = None
    repeat: int | None = None

    def copy(self, curve: Curve) -> Trial:
        """The same trial in another fold, whose reports are in `curve`."""
        attempts = [replace(attempt) for attempt in self.attempts]
        return replace(
            self, reports=Reports(curve, self.reports.last), attempts=attempts, metrics=dict(self.metrics)
        )

    if not TYPE_CHECKING:  # for a type checker, a trial has no such attributes

        def __getattr__(self, name: str) -> Any:
            from rung._other_libraries import STORED_TRIAL, advice

            raise AttributeError(f"'Trial' object has no attribute {name!r}{advice(name, STORED_TRIAL)}",
                                 name=name, obj=self)  # fmt: skip

    def __repr__(self) -> str:
        value = "" if self.value is None else f", value={self.value:.6g}"
        config = " ".join(f"{name}={chosen!r}" for name, chosen in self.config.items())
        return f"<Trial {self.number}: {self.status}{value}, {visible(config)}>"

    def _repr_html_(self) -> str:
        value = "" if self.value is None else f", value {self.value:.6g}"
        title = f"trial {self.number}: {self.status}{value}"
        rows = [["", ""], *self.config.items(), *self.metrics.items()]
        names = list(self.reports[-1].metrics) if self.reports else []
        curve = (
            svg([[(r.resource, r.metrics.get(names[0], math.nan)) for r in self.reports]]) if names else ""
        )
        below = f"<p>{html.escape(visible(names[0]))}</p>{curve}" if curve else ""
        return f"<b>{html.escape(visible(title))}</b>{html_table(rows)}{below}"

    @property
    def is_finished(self) -> bool:
        """Whether the trial never runs again."""
        return self.status in FINAL

    @property
    def is_imported(self) -> bool:
        """Whether it is an earlier result."""
        return self.origin == IMPORTED

    @property
    def is_waiting(self) -> bool:
        """Whether the trial is to be run again."""
        return self.status in WAITING

    @property
    def reason(self) -> str:
        """Why the last attempt ended as it did, or ""."""
        return self.attempts[-1].reason if self.attempts else ""

    @property
    def traceback(self) -> str:
        """The traceback of the last attempt that has one, or ""."""
        return next((a.traceback for a in reversed(self.attempts) if a.traceback), "")

    @property
    def ended(self) -> float | None:
        """When the last attempt ended, in seconds on the study's clock."""
        return self.attempts[-1].ended if self.attempts else None

    @property
    def resource(self) -> int:
        """The last resource reported, 0 before the first report."""
        return self.reports.resource
