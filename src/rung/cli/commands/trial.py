"""`rung trial`: one trial."""

from __future__ import annotations

from collections.abc import Iterator

import click

from rung._view import StudyView
from rung.cli.output import (
    find_trial,
    json_option,
    name_argument,
    number_argument,
    storage_option,
    trial_json,
    write_json,
)
from rung.study.standing import remark
from rung.study.trial import Attempt, Trial
from rung.views.text import duration, number, value_text, visible, visible_lines

_REPORTS = 5
"""Reports that are shown of each end of a long curve."""


@click.command()
@number_argument
@name_argument
@storage_option
@json_option
def trial(number: int, name: str | None, storage: str, as_json: bool) -> None:
    """One trial: configuration, attempts, reports, and why it failed."""
    study = StudyView.load(name, storage=storage)
    found = find_trial(study, number)
    if as_json:
        reports = [{"epoch": r.resource, "attempt": r.attempt, **r.metrics} for r in found.reports]
        runs = [
            {"attempt": a.number, "started": a.started, "ended": a.ended, "outcome": a.outcome,
             "reason": a.reason, "traceback": a.traceback}
            for a in found.attempts
        ]  # fmt: skip
        notes = [
            {"attempt": note.attempt, "t": note.t, "values": note.values,
             "files": {name: _file(study, path) for name, path in note.files.items()}}
            for note in found.notes
        ]  # fmt: skip
        write_json({**trial_json(found), "runs": runs, "reports": reports, "notes": notes})
        return
    for line in _lines(study, found):
        click.echo(visible_lines(line))


def _lines(study: StudyView, found: Trial) -> Iterator[str]:
    yield f"trial    {found.number} of study {study.name}"
    why = remark(found, study.state)
    yield f"status   {found.status}{f': {why}' if why else ''}"
    for label, values in (("config", found.config), ("metrics", found.metrics)):
        for index, (name, value) in enumerate(values.items()):
            yield f"{'' if index else label:<9}{name} = {value_text(value)}"
    for attempt in found.attempts:
        yield f"{'attempt':<9}{_attempt(attempt)}"
    unit = study.state.plan.get("resource", "epoch")
    for index, report in enumerate(found.reports):
        if len(found.reports) > 2 * _REPORTS and index == _REPORTS:
            yield f"{'':<9}... {len(found.reports) - 2 * _REPORTS} more"
        if min(index, len(found.reports) - 1 - index) < _REPORTS:
            said = ", ".join(f"{name} = {number(value)}" for name, value in report.metrics.items())
            yield f"{'' if index else 'report':<9}{unit} {report.resource}: {said}"
    for index, note in enumerate(found.notes):
        kept = {name: _file(study, path) for name, path in note.files.items()}
        for i, (name, value) in enumerate({**note.values, **kept}.items()):
            yield f"{'' if i or index else 'note':<9}{visible(name)} = {value_text(value)}"
    if found.traceback:
        yield f"\n{found.traceback.rstrip()}"


def _file(study: StudyView, path: str) -> str:
    return str(study.folder / path) if path and study.folder else "(not kept, the study is in memory)"


def _attempt(attempt: Attempt) -> str:
    if attempt.ended is None:
        return f"{attempt.number}: runs, or was cut off"
    # A verdict says no more than the outcome.
    why = f": {attempt.reason}" if attempt.reason not in {"", "pause", "stop"} else ""
    return f"{attempt.number}: {attempt.outcome} after {duration(attempt.ended - attempt.started)}{why}"
