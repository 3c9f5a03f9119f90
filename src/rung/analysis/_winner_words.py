"""A winner in plain words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rung._text import visible
from rung.study.confirmations import NO_NOISE

if TYPE_CHECKING:
    from rung.analysis.winner import Compared, Winner

_FAR = 4.0
"""Standard deviations from the mean beyond which a run says that noise is skewed or has outliers."""
_MANY = 1000
"""Runs that nobody makes to settle a difference."""


def lines(w: Winner) -> list[str]:
    of = f"winner: trial {w.trial} of {w.trials}"
    name = visible(w.metric)
    if w.reason == NO_NOISE:
        return [
            f"{of}: no noise, or the objective ignores trial.seed",
            f"{name} = {w.value:.6g}: two fresh seeds gave exactly what the search had seen",
        ]
    show = _format(w)
    among = f"{len(w.finalists)} finalists" if len(w.finalists) > 1 else "one finalist"
    said = [f"{of}, chosen among {among} by {w.runs} fresh runs, claimed by {w.claim_runs} more"]
    luck = f"{show(abs(w.optimism))} of that was {'luck' if w.optimism >= 0 else 'bad luck'}"
    said.append(
        f"{name} = {show(w.value)}{_ends(w.interval, show, w.level)}; "
        f"the search had seen {show(w.observed)}: {luck}"
    )
    if len(w.finalists) > 1:
        said.append(
            f"P(best of the finalists) = {w.p_best:.2f}; if not, it costs {show(w.expected_loss)} on average"
        )
    second = [c for c in w.compared if not c.asked][:1]
    said += [_against(c, show) for c in (*second, *(c for c in w.compared if c.asked))]
    noise = "too few runs to say how much runs of it differ"
    if w.noise is not None:
        noise = f"runs of it differ by {show(w.noise)} (standard deviation)"
    said.append(noise + _trouble(w))
    if w.late_gain is not None:
        said.append(
            f"the last third of the search improved the score by {show(w.late_gain)}, fresh runs did not: "
            "it was fitting the noise"
        )
    said += [
        f"{visible(k)} = {show(e.value)}{_ends(e.interval, show, w.level)}, by {e.runs} runs that chose none"
        for k, e in w.reported.items()
    ]
    return said


def _against(c: Compared, show: Any) -> str:
    name = f"trial {c.trial} ({'asked for' if c.asked else 'second'})"
    better, p = ("better", c.p_better) if c.difference >= 0 else ("worse", 1 - (c.p_better or 0))
    ends = c.interval if c.difference >= 0 or c.interval is None else (-c.interval[1], -c.interval[0])
    by = f"{better} than {name} by {show(abs(c.difference))}{_ends(ends, show)}"
    if c.settled or c.p_better is None:
        return f"{by}: {'settled' if c.settled else 'not settled'}"
    return f"{by}: not settled, P({better}) = {p:.2f}{_more(c)}"


def _more(c: Compared) -> str:
    if c.pairs_to_settle is None:
        return ""
    many = f"some {c.pairs_to_settle}" if c.pairs_to_settle <= _MANY else f"more than {_MANY}"
    return f"; {many} runs of each would settle it"


def _ends(ends: tuple[float, float] | None, show: Any, level: float | None = None) -> str:
    if ends is None:
        return " (too few runs for an interval)"
    said = "" if level is None else f"{100 * level:g} %: "
    return f" ({said}{show(ends[0])} to {show(ends[1])})"


def _trouble(w: Winner) -> str:
    all_runs = w.own_runs + w.failed_runs
    failed = f"; {w.failed_runs} of its {all_runs} runs failed" if w.failed_runs else ""
    far = ""
    if w.far > _FAR:
        far = f"; one lies {w.far:.1f} of these from the others: the interval may be too narrow"
    return failed + far + ("" if w.feasible else "; on average they break the constraints")


def _format(w: Winner) -> Any:
    width = w.interval[1] - w.interval[0] if w.interval else 0.0
    digits = 4 if not 0 < width < math.inf else min(12, max(0, 2 - math.floor(math.log10(width))))
    return lambda value: f"{value:.{digits}f}"
