"""A view lives in its own thread, and what fails in it stays there."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import nullcontext

import pytest

import rung
from rung.engine.forecast import TimeLeft
from rung.settings import Settings
from rung.study.budget import Budget
from rung.study.events import StudyCreated
from rung.study.metrics import Goals
from rung.study.state import StudyState
from rung.views import watch
from rung.views.beat import showing
from rung.views.summary import Summary, summarise

CREATED = StudyCreated(
    id="study", t=0.0, space=rung.Space({"x": 1}).to_json(), goals=Goals.of("loss").to_json(), seed=1
)


def look() -> Summary:
    return Summary("s", "loss", {}, None, 0.0, None, None, (), None, "")


def make_time_left() -> TimeLeft:
    return TimeLeft(Settings.of(metric="loss", n_trials=1, storage=":memory:"))


class Recorded:
    shows_time_left = False

    def __init__(self, failing: str = "", period: float = 0.005) -> None:
        self.calls: list[str] = []
        self.period = period
        self._failing = failing

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if name == self._failing:
            raise ValueError(name)

    def start(self, summary: Summary) -> None:
        self._call("start")

    def update(self, summary: Summary) -> None:
        self._call("update")

    def finish(self, summary: Summary) -> None:
        self._call("finish")


def test_starts_updates_and_finishes_once() -> None:
    view = Recorded()
    with showing(lambda: view, look):
        time.sleep(0.1)
    assert view.calls[0] == "start"
    assert view.calls[-1] == "finish"
    assert set(view.calls[1:-1]) == {"update"}
    assert not any(t.name == "rung view" for t in threading.enumerate())


def test_a_slow_beat_does_not_delay_the_end() -> None:
    view = Recorded(period=60.0)
    began = time.monotonic()
    with showing(lambda: view, look):
        pass
    assert time.monotonic() - began < 1.0
    assert view.calls == ["start", "finish"]


@pytest.mark.parametrize(
    ("failing", "calls"),
    [("start", ["start"]), ("update", ["start", "update", "finish"]), ("finish", ["start", "finish"])],
)
def test_what_fails_in_a_view_is_told_to_the_debug_log_only(
    failing: str, calls: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    view = Recorded(failing, period=0.005 if failing == "update" else 60.0)
    with caplog.at_level(logging.DEBUG, "rung"), showing(lambda: view, look):
        time.sleep(0.1 if failing == "update" else 0.0)
    assert view.calls == calls
    assert [r.levelno for r in caplog.records] == [logging.DEBUG]


def test_a_view_that_cannot_be_made_is_no_error() -> None:
    def make() -> Recorded:
        raise ImportError("rich")

    with showing(make, look):
        pass


def test_a_stderr_of_the_users_own_is_good_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    class Tee:
        text = ""

        def write(self, text: str) -> None:
            self.text += text

        def flush(self) -> None:
            pass

    tee = Tee()
    monkeypatch.setattr("sys.stderr", tee)
    with watch("s", lambda: nullcontext(StudyState(CREATED)), lambda: 0.0, Budget(), make_time_left):
        pass
    assert tee.text.startswith("study s\ns: cut short")


def test_the_error_of_the_study_goes_through() -> None:
    view = Recorded()
    with pytest.raises(KeyError), showing(lambda: view, look):
        raise KeyError
    assert view.calls[-1] == "finish"


def test_progress_false_shows_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    state = StudyState(CREATED)
    with watch("s", lambda: nullcontext(state), lambda: 0.0, Budget(), make_time_left, progress=False):
        pass
    assert capfd.readouterr() == ("", "")


def test_a_view_reads_only_between_two_steps(capfd: pytest.CaptureFixture[str]) -> None:
    """Whatever it reads agrees: a completed trial has its value, a running one exists, counts add up."""
    study = rung.Study({"x": rung.Float(0, 1)}, searcher="random", storage=":memory:", n_trials=300)
    wrong: list[object] = []
    stop, begun = threading.Event(), threading.Event()

    def watch_it() -> None:
        coordinator = study._session.coordinator
        while not stop.is_set():
            with coordinator.reading() as state:
                summary = summarise("s", state, 1.0, Budget(300))
                if sum(summary.counts.values()) + len(summary.running) != len(state.trials):
                    wrong.append(summary)
                if any(t.status == "completed" and t.value is None for t in state.trials):
                    wrong.append(state)
            begun.set()

    trial = study.ask()
    thread = threading.Thread(target=watch_it)
    thread.start()
    begun.wait(10)
    while trial:
        study.report(trial, value=1.0)
        study.tell(trial, 0.5)
        trial = study.ask()
    stop.set()
    thread.join()
    assert wrong == []
