"""A study as a few lines of Markdown, for a pull request: its texts are code, so no link and no mention."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from rung._text import counted
from rung.page import documents
from rung.page.curves import thinned
from rung.page.plain import text
from rung.space import Constant
from rung.storage import Owner
from rung.study.events import Outcome
from rung.study.state import StudyState
from rung.study.trial import Trial
from rung.views.text import duration, number

_ROWS = 10
_COLUMNS = 12
"""Hyperparameters in the table."""
_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 16


def markdown(name: str, state: StudyState, owner: Owner | None) -> str:
    """How a study stands: headline, best trials, failures."""
    return "\n".join(_lines(name, state, owner)) + "\n"


def _lines(name: str, state: StudyState, owner: Owner | None) -> Iterator[str]:
    status = documents.status(name, state, owner)
    counts = ", ".join(f"{n} {outcome}" for outcome, n in status["counts"].items()) or "none yet"
    yield f"### Study {code(name)}: {_headline(state, status)}"
    yield ""
    of = f" of {status['n_trials']}" if status["n_trials"] else ""
    yield f"{status['finished']}{of} trials ({counts}) in {duration(status['elapsed'])}; {status['ending']}."
    if shown := _shown(state):
        yield ""
        yield from _table(state, shown)
    if reasons := _failures(state):
        yield ""
        yield "Failed:"
        yield from (f"- {n} times {code(reason)}" for reason, n in reasons)


def _headline(state: StudyState, status: dict[str, Any]) -> str:
    metric, winner, best = code(state.goals.first.name), status["winner"], status["best"]
    if winner is not None:
        interval = winner["interval"]
        within = f" [{number(float(interval[0]))}, {number(float(interval[1]))}]" if interval else ""
        found = f"{metric} = **{number(float(winner['value']))}**{within}"
        return f"{found}, confirmed by {counted(winner['runs'], 'fresh run')}"
    if status["front"] is not None:
        return f"a front of {counted(len(status['front']), 'trial')}"
    if best is None:
        return "no result yet"
    how = f"at {best['at']}, unfinished" if best["at"] else "not confirmed by fresh runs"
    return f"{metric} = **{number(float(best['value']))}** (trial {best['trial']}, {how})"


def _shown(state: StudyState) -> Sequence[Trial]:
    if len(state.goals.metrics) > 1:
        return state.standing.front[:_ROWS]
    metric = state.goals.first
    worth = [t for t in state.searched if t.value is not None and t.feasible]
    worth.sort(key=lambda t: (t.status != Outcome.COMPLETED, metric.loss(t.value or 0.0)))
    confirmed = state.confirmed
    if confirmed is not None and confirmed.winner is not None:
        worth.sort(key=lambda t: t.number != confirmed.winner)
    return worth[:_ROWS]


def _table(state: StudyState, shown: Sequence[Trial]) -> Iterator[str]:
    names = [name for name in state.space if not isinstance(state.space[name], Constant)][:_COLUMNS]
    curves = any(len(t.reports) > 1 for t in shown)
    header = [
        "trial",
        *(code(m.name) for m in state.goals.metrics),
        *(["curve"] if curves else []),
        *map(code, names),
    ]
    yield f"| {' | '.join(header)} |"
    yield f"|{' --- |' * len(header)}"
    for trial in shown:
        cells = [str(trial.number), *(_cell(trial.metrics.get(m.name)) for m in state.goals.metrics)]
        if curves:
            cells.append(
                sparkline(
                    [
                        r.metrics[state.goals.first.name]
                        for r in trial.reports
                        if state.goals.first.name in r.metrics
                    ]
                )
            )
        yield f"| {' | '.join([*cells, *(_cell(trial.config.get(name)) for name in names)])} |"


def _failures(state: StudyState) -> Sequence[tuple[str, int]]:
    return Counter(text(t.reason) for t in state.trials if t.status == Outcome.FAILED).most_common(5)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number(value) if isinstance(value, float) else str(value)
    return code(text(value, 60))


def code(foreign: str) -> str:
    """Foreign text as code on one line, also within a table."""
    shown = text(foreign).replace("`", "'").replace("|", "\\|")
    return f"`{shown}`"


def sparkline(values: Sequence[float]) -> str:
    """A curve in a few characters; what is not finite is a gap."""
    drawn = [values[i] for i in thinned(values, _WIDTH)]
    finite = [y for y in drawn if abs(y) < float("inf")]
    if not finite:
        return ""
    low, span = min(finite), (max(finite) - min(finite)) or 1.0
    return "".join(
        _BARS[min(7, int(8 * ((y - low) / span)))] if abs(y) < float("inf") else " " for y in drawn
    )  # fmt: skip
