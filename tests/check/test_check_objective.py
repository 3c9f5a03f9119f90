"""check_objective on good and bad objectives, in real processes with real kills."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from check import objectives

import rung
from rung._check import Report, check_objective

SPACE = {"x": rung.Float(0, 1)}


def marks(report: Report) -> dict[str, str]:
    return {finding.topic: finding.mark for finding in report.findings}


def text_of(report: Report, topic: str) -> str:
    return next(finding.text for finding in report.findings if finding.topic == topic)


def test_a_good_objective_passes() -> None:
    report = check_objective(objectives.good, SPACE)
    assert report.ok, str(report)
    topics = ("travel", "metric", "seed", "resume", "checkpoints", "time")
    assert marks(report) == dict.fromkeys(topics, "ok")
    assert report.resumed == report.straight
    assert list(report.straight) == [1, 2, 3, 4]
    assert report.checkpoint_bytes is not None and 40 < report.checkpoint_bytes < 80
    assert report.epoch_seconds is not None and 0 < report.epoch_seconds < 5
    assert str(report).startswith("ok: 0 to fix, 0 to know; tried with x=")
    assert "goes on at epoch 3, with the values of the unbroken run" in str(report)


@pytest.mark.parametrize(
    ("name", "ok", "topic", "mark", "said"),
    [
        ("forgets_speed", False, "resume", "FIX", "goes on at epoch 3, but not as the unbroken run does: value="),
        ("without_checkpoints", True, "resume", "note", "starts over after a pause: fine with scheduler asha form stop"),
        ("without_checkpoints", True, "checkpoints", "note", "none saved"),
        ("ignores_checkpoints", False, "resume", "FIX", "goes on at epoch 1, not at 3: it has saved a checkpoint and"),
        ("saves_too_late", False, "resume", "FIX", "goes on at epoch 2, not at 3"),
        ("writes_directly", True, "checkpoints", "note", "1 B, written directly"),
        ("unseeded", True, "seed", "note", "seed each generator by trial.seed"),
        ("unseeded", True, "resume", "note", "can't be compared"),
        ("returns", True, "metric", "note", "reports no epochs"),
        ("returns", True, "seed", "ok", "the same values"),
        ("no_metric", False, "metric", "FIX", "the objective gave no 'value'; it gave: accuracy"),
        ("reports_no_metric", False, "metric", "FIX", "a report without 'value'; it has: accuracy"),
        ("nan", False, "metric", "FIX", "value is nan at epoch 3; if only this configuration diverges"),
        ("raises", False, "failure", "FIX", "after epoch 1: RuntimeError: no luck at all"),
        ("too_many_epochs", False, "metric", "FIX", "epoch 5 reported, but max_resource=4"),
        ("fails_when_it_goes_on", False, "resume", "FIX", "failed before its first report: FileNotFound"),
        ("dies", False, "failure", "FIX", "after epoch 1: worker died: killed by SIGKILL"),
        ("rounds_its_state", True, "resume", "note", "almost as the unbroken run does: value="),
        ("reports_every_second", True, "resume", "ok", "goes on at epoch 4"),
    ],
)  # fmt: skip
def test_what_is_told(name: str, ok: bool, topic: str, mark: str, said: str) -> None:
    report = check_objective(getattr(objectives, name), SPACE)
    assert report.ok == ok, str(report)
    assert marks(report)[topic] == mark, str(report)
    assert said in text_of(report, topic)


def test_an_objective_that_raises_shows_the_end_of_its_traceback() -> None:
    shown = str(check_objective(objectives.raises, SPACE))
    assert 'raise RuntimeError("no luck at all")' in shown
    assert shown.endswith("RuntimeError: no luck at all")


def test_an_objective_that_hangs_is_killed_in_time() -> None:
    report = check_objective(objectives.hangs, SPACE, timeout=3)
    assert not report.ok
    assert text_of(report, "time limit").startswith(
        "after epoch 1: it was not done within 3.0 s and was killed"
    )


def test_the_process_is_killed_and_another_one_goes_on(tmp_path: Path) -> None:
    report = check_objective(objectives.notes_its_end, {**SPACE, "notes": str(tmp_path)})
    assert marks(report)["resume"] == "ok", str(report)
    ends = [note.suffix for note in tmp_path.iterdir()]
    assert (ends.count(".began"), ends.count(".done"), ends.count(".asked")) == (3, 2, 0)


def test_trials_that_share_a_file_are_told(tmp_path: Path) -> None:
    report = check_objective(objectives.shares_a_file, {**SPACE, "notes": str(tmp_path)})
    assert "the same configuration went otherwise the second time" in text_of(report, "second run")
    assert "trials must share none" in text_of(report, "second run")


def test_what_cannot_travel_or_be_called_is_told() -> None:
    lock = threading.Lock()
    told = check_objective(lambda config: config["x"] if lock else 0.0, SPACE)
    assert "can't be sent to worker processes: cannot pickle '_thread.lock'" in text_of(told, "travel")
    assert marks(check_objective(3, SPACE)) == {"call": "FIX"}  # type: ignore[arg-type]
    assert marks(check_objective(lambda: 0.0, SPACE)) == {"call": "FIX"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"max_resource": 1}, "max_resource=1; give a whole number of at least 2"),
        ({"timeout": "soon"}, "timeout='soon'"),
        ({"seed": -1}, "seed=-1"),
        ({"config": {"x": 2.0}}, "x: 2.0"),
        ({"metric": ""}, "metric '': the name of a metric"),
    ],
)
def test_wrong_arguments_raise_at_once(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(rung.Error, match=said.replace("(", r"\(")):
        check_objective(objectives.good, SPACE, **wrong)


def test_epochs_may_have_another_name() -> None:
    def objective(config: dict[str, Any], trial: rung.RunningTrial) -> None:
        for step in trial.epochs():
            trial.report(step=step, value=config["x"])

    assert list(check_objective(objective, SPACE, resource="step").straight) == [1, 2, 3, 4]


def test_several_metrics_and_a_given_configuration() -> None:
    def objective(config: dict[str, Any], trial: rung.RunningTrial) -> None:
        for epoch in trial.epochs():
            trial.report(epoch=epoch, error=config["x"], size=3.0)

    report = check_objective(objective, SPACE, metric={"error": "min", "size": "min"}, config={"x": 0.25})
    assert report.config == {"x": 0.25}
    assert report.straight[4] == {"error": 0.25, "size": 3.0}
