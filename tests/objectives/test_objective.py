"""How an objective is called, and what it may return."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest

from rung.errors import MetricError, ObjectiveError
from rung.execution.base import AttemptId, End, Job, Report
from rung.objectives.attempt import run_attempt
from rung.objectives.ended import TrialDiverged, TrialEnded, TrialStopped
from rung.objectives.function import Objective
from rung.objectives.metrics import as_metrics
from rung.objectives.trial import RunningTrial
from rung.study.events import Verdict
from rung.study.metrics import MEASURED

NAMES = ("lr", "units")
CONFIG = {"lr": 0.1, "units": 3}
JOB = Job(AttemptId(4, 2), CONFIG, seed=7, max_resource=9)


def run(function, *, metrics=("y",), send=lambda report: Verdict.CONTINUE) -> End:
    return run_attempt(Objective.bind(function, NAMES, metrics), JOB, send)


class Callable_:
    def __call__(self, config):
        return config["lr"]


@pytest.mark.parametrize(
    "function",
    [
        lambda config: config["lr"],
        lambda c, trial: c["lr"] + 0 * trial.seed,
        lambda c, t: c["lr"] + 0 * t.seed,
        lambda c, epochs=8: c["lr"],
        lambda c, epochs=8, trial=None: c["lr"],
        lambda lr, units: lr,
        lambda units, lr: lr,
        lambda lr, units, trial: lr + 0 * trial.number,
        lambda lr, units=3, momentum=0.9: lr,
        lambda lr, **rest: lr,
        lambda **config: config["lr"],
        lambda *, lr, units: lr,
        lambda *args: args[0]["lr"],
        functools.partial(lambda config, extra: config["lr"] + 0 * extra, extra=1),
        Callable_(),
    ],
)
def test_every_way_to_write_it(function):
    end = run(function)
    assert (end.outcome, end.metrics["y"]) == ("completed", 0.1), end


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (3, "objective=3 is not callable"),
        (lambda: 1, "takes no argument"),
        (lambda c, t, more: 1, "nothing to give for more"),
        (lambda c, *, width: 1, "nothing to give for width"),
        (lambda lr: 1, "takes no argument units, which the space has"),
        (lambda lr, units, width: 1, "nothing to give for width; add it to the space or give it a default"),
    ],
)
def test_a_signature_that_cant_be_called_is_an_error_at_once(function, message):
    with pytest.raises(ObjectiveError, match=message):
        Objective.bind(function, NAMES, ("y",))


def test_async_is_refused():
    async def objective(config): ...

    with pytest.raises(ObjectiveError, match="objective objective is async"):
        Objective.bind(objective, NAMES, ("y",))


def test_the_objective_may_change_its_config():
    def objective(config):
        config.clear()
        return 1.0

    run(objective)
    assert CONFIG == {"lr": 0.1, "units": 3}


class Tensor:
    def __init__(self, value):
        self.value = value

    def item(self):
        return self.value


@pytest.mark.parametrize(
    "value", [1, True, 1.0, np.float32(1), np.int64(1), np.array(1.0), np.array([1.0]), Tensor(1.0)]
)
def test_numbers_of_all_kinds(value):
    assert as_metrics({"y": value}) == {"y": 1.0}
    assert type(as_metrics({"y": value})["y"]) is float


@pytest.mark.parametrize("value", ["0.1", b"1", None, 1j, [1.0], np.array([1.0, 2.0]), object(), {"a": 1}])
def test_what_is_no_number(value):
    with pytest.raises(MetricError, match=r"metric 'y' is .*; a metric is one number"):
        as_metrics({"y": value})


def test_numbers_too_large_for_a_float():
    assert as_metrics({"y": 10**400}) == {"y": math.inf}


def test_a_metric_without_a_name():
    with pytest.raises(MetricError, match="metric 3"):
        as_metrics({3: 1.0})


def test_a_plain_number_needs_a_single_metric():
    end = run(lambda c: 1.0, metrics=("a", "b"))
    assert end.broken
    assert "with several metrics return a dict: {'a': ..., 'b': ...}" in end.reason


def test_attempts_are_measured():
    def work(config):
        np.ones(30_000_000).sum()
        return 1.0

    end = run(work)
    assert set(MEASURED) < set(end.metrics)
    assert end.metrics["train_seconds"] > 0
    assert end.metrics["peak_memory_mb"] > 240


def test_a_metric_of_ones_own_wins_over_the_measured():
    assert run(lambda c: {"y": 1.0, "train_seconds": 5.0}).metrics["train_seconds"] == 5.0


class Nasty(Exception):
    def __str__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "reason"),
    [(ValueError("no"), "ValueError: no"), (SystemExit(0), "SystemExit: 0"), (GeneratorExit(), "GeneratorExit"),
     (RecursionError("deep"), "RecursionError: deep"), (Nasty(), "Nasty"), (MemoryError(), "MemoryError")],
)  # fmt: skip
def test_whatever_is_raised_is_data(error, reason):
    def objective(config):
        raise error

    end = run(objective)
    assert (end.outcome, end.reason) == ("failed", reason)
    assert "Traceback" in end.traceback or isinstance(error, Nasty)


def test_a_keyboard_interrupt_that_nobody_asked_for_fails_the_trial():
    def objective(config):
        raise KeyboardInterrupt

    assert (run(objective).outcome, run(objective).reason) == ("failed", "KeyboardInterrupt")


def test_a_huge_message_is_cut():
    def objective(config):
        raise ValueError("x" * 10**6)

    end = run(objective)
    assert len(end.reason) < 1000
    assert len(end.traceback) < 30_000


# ---- reports


def trial(
    verdict: Verdict = Verdict.CONTINUE, sent: list[Report] | None = None, metrics=("y",)
) -> RunningTrial:
    def send(report: Report) -> Verdict:
        if sent is not None:
            sent.append(report)
        return verdict

    return RunningTrial(JOB, metrics, send)


def test_reports_carry_numbers_and_epochs():
    sent: list[Report] = []
    t = trial(sent=sent)
    t.report(epoch=2, y=0.5, accuracy=0.9)
    t.report(y=np.float32(0.25))
    assert [(r.number, r.resource, dict(r.metrics)) for r in sent] == [
        (1, 2, {"y": 0.5, "accuracy": 0.9}),
        (2, 3, {"y": 0.25}),
    ]


@pytest.mark.parametrize("epoch", [2, 1])
def test_epochs_grow(epoch):
    t = trial()
    t.report(epoch=2, y=1.0)
    with pytest.raises(MetricError, match=f"epoch={epoch} reported after epoch 2; epochs must grow"):
        t.report(epoch=epoch, y=1.0)


@pytest.mark.parametrize("epoch", [0, -1, 2.5, True])
def test_epochs_count_from_one(epoch):
    with pytest.raises(MetricError, match=f"epoch={epoch}; epochs are whole numbers that count from 1"):
        trial().report(epoch=epoch, y=1.0)


def test_a_report_has_a_tuned_metric():
    with pytest.raises(MetricError, match="a report without 'y'; it has: loss"):
        trial().report(epoch=1, loss=1.0)
    trial(metrics=("a", "b")).report(b=1.0)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_report_that_is_no_number_is_logged_and_ends_the_trial(bad):
    sent: list[Report] = []
    with pytest.raises(TrialDiverged, match=r"y is (nan|inf) at epoch 1"):
        trial(sent=sent).report(y=bad)
    assert len(sent) == 1


def test_a_stop_passes_through_except_exception():
    def objective(config, trial):
        try:
            trial.report(y=1.0)
        except Exception:
            return 5.0

    end = run(objective, send=lambda report: Verdict.STOP)
    assert end.outcome == "stopped"
    assert issubclass(TrialStopped, TrialEnded)
    assert not issubclass(TrialEnded, Exception)


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [(Verdict.PAUSE, "paused"), (Verdict.INTERRUPT, "interrupted"), (Verdict.SUPERSEDED, "interrupted")],
)
def test_verdicts_end_the_attempt(verdict, outcome):
    assert run(lambda c, trial: trial.report(y=1.0), send=lambda report: verdict).outcome == outcome


def test_what_a_trial_knows():
    t = trial()
    assert (t.number, t.attempt, t.config, t.seed, t.max_resource) == (4, 2, CONFIG, 7, 9)
