"""How a study stands, without a clock or a screen."""

from __future__ import annotations

import math

import pytest

import rung
from rung.study.budget import Budget
from rung.study.events import (
    AttemptEnded,
    AttemptStarted,
    Event,
    Reported,
    SessionEnded,
    StudyCreated,
    TrialCreated,
)
from rung.study.metrics import Goals
from rung.study.state import StudyState
from rung.views.summary import Failure, Running, Summary, closing, rows, summarise
from rung.views.text import duration, one_line, shown, visible

SPACE = rung.Space({"x": rung.Float(0, 1), "kind": rung.Categorical(["[red]a", "b"])})


def state_of(*events: Event, goals: Goals | None = None) -> StudyState:
    goals = goals or Goals.of("loss")
    created = StudyCreated(id="study", t=0.0, space=SPACE.to_json(), goals=goals.to_json(), seed=1)
    return StudyState.replay([created, *events])


def started(trial: int, t: float = 0.0, x: float = 0.25) -> list[Event]:
    return [
        TrialCreated(id=f"t{trial}", t=t, trial=trial, config={"x": x, "kind": "b"}, origin="searcher"),
        AttemptStarted(id=f"t{trial}/a1", t=t, trial=trial, attempt=1),
    ]


def ended(trial: int, t: float, outcome: str = "completed", reason: str = "", **metrics: float) -> Event:
    return AttemptEnded(
        id=f"t{trial}/a1/end", t=t, trial=trial, attempt=1, outcome=outcome, metrics=metrics, reason=reason
    )


def reported(trial: int, t: float, **metrics: float) -> Event:
    return Reported(id=f"t{trial}/a1/r1", t=t, trial=trial, attempt=1, number=1, resource=3, metrics=metrics)


def texts(summary: Summary, most: int = 8) -> dict[str, str]:
    return {row.label: row.text for row in rows(summary, most)}


def test_of_a_study_without_a_trial() -> None:
    summary = summarise("s", state_of(), 0.0, Budget(10))
    assert (summary.counts, summary.best, summary.running, summary.seconds_left) == ({}, None, (), None)
    assert texts(summary) == {"trials": "0 of 10: none yet", "time": "0.0 s"}


def test_tells_counts_incumbent_running_and_failures() -> None:
    events = [*started(0), *started(1), *started(2), *started(3, 10.0), reported(3, 12.0, loss=0.5)]
    ends = [ended(0, 4.0, loss=0.3), ended(1, 5.0, loss=0.2), ended(2, 6.0, "failed", "no\nmemory")]
    summary = summarise("s", state_of(*events, *ends), 20.0, Budget(6, 100.0))
    assert summary.counts == {"completed": 2, "failed": 1}
    assert summary.best is not None
    assert (summary.best.trial, summary.best.value) == (1, 0.2)
    assert summary.running == (Running(trial=3, attempt=1, resource=3, value=0.5, seconds=10.0),)
    assert summary.failure == Failure(2, "no\nmemory")
    assert texts(summary) == {
        "trials": "3 of 6: 2 completed, 1 failed",
        "time": "20.0 s of 1 min 40 s, about 20.0 s left",
        "best": "loss=0.2  trial 1  x=0.25 kind=b",
        "improved": "0.3 after 4.0 s, 0.2 after 5.0 s",
        "running": "trial 3  epoch 3  loss=0.5  10.0 s",
        "failed": "last: trial 2, no memory",
    }


def test_many_running_trials_are_counted_not_listed() -> None:
    summary = summarise("s", state_of(*[e for n in range(32) for e in started(n)]), 1.0, Budget())
    listed = list(rows(summary, most=8))
    assert [row.label for row in listed].count("running") == 1
    assert len(listed) == 2 + 8 + 1
    assert listed[-1].text == "and 24 more"


@pytest.mark.parametrize(
    ("budget", "left"),
    [
        (Budget(4), 30.0),
        (Budget(None, 100.0), 90.0),
        (Budget(4, 20.0), 10.0),
        (Budget(), None),
        (Budget(1), 0.0),
    ],
)
def test_time_left_is_what_ends_first(budget: Budget, left: float | None) -> None:
    summary = summarise("s", state_of(*started(0), ended(0, 10.0, loss=1.0)), 10.0, budget)
    assert summary.seconds_left == left


def test_the_bar_moves_by_the_time_that_the_trials_take() -> None:
    state = state_of(*started(0), ended(0, 10.0, loss=1.0), *started(1, 10.0))
    by_count, forecast = (
        summarise("s", state, 20.0, Budget(10)),
        summarise("s", state, 20.0, Budget(10), 80.0),
    )
    assert next(rows(by_count)).part == pytest.approx(0.1)
    assert (next(rows(forecast)).part, forecast.seconds_left) == (pytest.approx(0.25), 60.0)
    assert texts(forecast)["time"] == "20.0 s, about 1 min left"
    assert summarise("s", state, 20.0, Budget(10, 50.0), 80.0).seconds_left == 30.0


def test_paused_trials_are_explained() -> None:
    events = [*started(0), reported(0, 5.0, loss=0.4), ended(0, 10.0, "paused")]
    running = summarise("s", state_of(*events), 10.0, Budget(10))
    assert running.seconds_left is None  # nobody knows how much of them is still to come
    assert texts(running)["paused"].startswith("1 wait at a rung: the best of them go on later")
    over = state_of(*events, SessionEnded(id="e", t=11.0, reason="timeout"))
    assert "they may go on if the study does" in texts(summarise("s", over, 11.0, Budget(10)))["paused"]


def test_report_only_metrics_are_nowhere() -> None:
    goals = Goals.of("loss", report_only=["test_error"])
    events = [*started(0), reported(0, 1.0, loss=0.5, test_error=0.777)]
    running = summarise("s", state_of(*events, goals=goals), 2.0, Budget())
    over = summarise(
        "s", state_of(*events, ended(0, 2.0, loss=0.5, test_error=0.777), goals=goals), 2.0, Budget()
    )
    for summary in (running, over):
        assert "0.777" not in repr(summary)
        assert "test_error" not in repr(summary)


def test_a_nan_report_is_shown_as_one() -> None:
    summary = summarise("s", state_of(*started(0), reported(0, 1.0, loss=math.nan)), 2.0, Budget())
    assert "loss=nan" in texts(summary)["running"]


def test_closing_says_how_it_ended() -> None:
    events = [*started(0), ended(0, 4.0, loss=0.3)]
    done = summarise("s", state_of(*events, SessionEnded(id="e", t=5.0, reason="timeout")), 5.0, Budget())
    assert (
        closing(done)
        == "s: time is up after 5.0 s, trials: 1 completed; best: loss=0.3  trial 0  x=0.25 kind=b"
    )
    assert closing(summarise("s", state_of(), 1.0, Budget())) == "s: cut short after 1.0 s, trials: none yet"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min"),
        (201, "3 min 21 s"),
        (3599.7, "1 h"),
        (7500, "2 h 5 min"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_control_characters_are_spelled_out() -> None:
    assert visible("a\x1b[2Jb\r\x07") == r"a\x1b[2Jb\r\x07"
    assert visible("\u202eab\ud800") == r"\u202eab\ud800"
    assert visible("é [red]") == "é [red]"
    assert one_line("a\n  b\t\x00") == r"a b \x00"
    assert (
        shown({"a\x1b": "\x1b[1m", "b": 0.123456, "c": (1, 2), "d": None})
        == r"a\x1b=\x1b[1m b=0.1235 c=(1, 2) d=None"
    )


def test_of_several_objectives_there_is_a_front_and_no_best() -> None:
    goals = Goals.of({"loss": "min", "size": "min"})
    events = [*started(0), ended(0, 4.0, loss=0.3, size=1.0), *started(1), ended(1, 5.0, loss=0.2, size=2.0)]
    summary = summarise("s", state_of(*events, goals=goals), 5.0, Budget(6))
    assert (summary.best, summary.front) == (None, 2)
    assert texts(summary)["front"] == "2 trials"
    assert closing(summary).endswith("; front: 2 trials")


def test_the_best_report_is_marked_as_of_an_unfinished_trial() -> None:
    summary = summarise("s", state_of(*started(0), reported(0, 1.0, loss=0.5)), 2.0, Budget(6))
    assert texts(summary)["best"] == "loss=0.5  trial 0, unfinished, at epoch 3  x=0.25 kind=b"
