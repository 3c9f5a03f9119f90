import sys

import pytest

import rung
from rung.analysis import to_dataframe
from rung.errors import Error

SPACE = {
    "lr": rung.Float(0, 1),
    "layers": rung.Int(1, 2),
    "units": rung.Int(1, 9).when(rung.param("layers") == 2),
}


def test_a_row_per_trial_and_a_column_per_thing(fold, Told):
    told = [
        Told({"lr": 0.5, "layers": 1}, {"loss": 0.25}, seconds=2.0),
        Told({"lr": 0.1, "layers": 2, "units": 3}, outcome="failed", reason="ValueError"),
        Told({"lr": 0.2, "layers": 1}, outcome="running"),
    ]
    frame = to_dataframe(fold(SPACE, told))
    assert set(frame.columns) == {
        "trial",
        "status",
        "lr",
        "layers",
        "units",
        "loss",
        "feasible",
        "started",
        "ended",
        "origin",
        "reason",
    }
    assert frame["trial"].tolist() == [0, 1, 2]
    assert frame["status"].tolist() == ["completed", "failed", "running"]
    assert frame["units"].isna().tolist() == [True, False, True]
    assert frame["loss"].isna().tolist() == [False, True, True]
    assert frame["started"].tolist() == [0.0, 2.0, 3.0]
    assert frame["ended"].isna().tolist() == [False, False, True]


def test_the_order_of_the_columns(fold, Told):
    told = [
        Told({"lr": 0.5, "layers": 1}, {"loss": 0.25}),
        Told({"lr": 0.5, "layers": 2, "units": 3}, {"loss": 0.25}),
    ]
    frame = to_dataframe(fold(SPACE, told))
    assert frame.columns.tolist() == [
        "trial",
        "status",
        "lr",
        "layers",
        "units",
        "loss",
        "feasible",
        "started",
        "ended",
        "origin",
        "reason",
    ]


def test_hyperparameters_that_are_named_like_something_else_get_a_prefix(fold, Told):
    space = {"loss": rung.Float(0, 1), "status": rung.Float(0, 1), "trial": rung.Float(0, 1)}
    frame = to_dataframe(fold(space, [Told({"loss": 0.5, "status": 0.6, "trial": 0.7}, {"loss": 0.25})]))
    row = frame.iloc[0].to_dict()
    assert row["loss"] == 0.25
    assert row["status"] == "completed"
    assert row["trial"] == 0
    assert (row["config.loss"], row["config.status"], row["config.trial"]) == (0.5, 0.6, 0.7)


@pytest.mark.parametrize("name", ["trial", "status", "feasible", "started", "ended", "reason"])
def test_a_metric_never_replaces_a_column_of_rungs_own(fold, Told, name):
    frame = to_dataframe(fold({"x": rung.Float(0, 1)}, [Told({"x": 0.5}, {"loss": 0.25, name: 99.0})]))
    assert frame.loc[0, "status"] == "completed"
    assert frame.loc[0, "trial"] == 0
    assert frame.loc[0, "started"] == 0.0
    assert 99.0 in frame.iloc[0].tolist()


def test_an_empty_study_gives_an_empty_table(fold):
    assert len(to_dataframe(fold(SPACE, []))) == 0


def test_what_is_only_reported_is_no_column():
    study = rung.Study({"x": rung.Float(0, 1)}, metric="loss", report_only=["test"], storage=":memory:")
    study.tell(study.ask(), {"loss": 0.1, "test": 0.2})
    assert "test" not in study.to_dataframe()


def test_without_pandas_it_says_how_to_get_it(monkeypatch, fold):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(Error, match=r"pip install 'rung\[pandas\]'"):
        to_dataframe(fold(SPACE, []))


def test_what_breaks_a_constraint_is_not_feasible_and_says_why(fold, Told):
    told = [
        Told({"lr": 0.5, "layers": 1}, {"loss": 0.3, "mb": 4.0}),
        Told({"lr": 0.5, "layers": 1}, {"loss": 0.1, "mb": 9.0}),
        Told({"lr": 0.5, "layers": 1}, outcome="failed", reason="no memory"),
        Told({"lr": 0.5, "layers": 1}, curve=[0.9, 0.8], outcome="paused", reason="pause"),
    ]
    frame = to_dataframe(fold(SPACE, told, constraints={"mb": "<= 5"}))
    assert frame["feasible"].tolist() == [True, False, False, False]
    assert frame["reason"].tolist() == ["", "breaks mb <= 5", "no memory", "at epoch 2"]


def test_a_row_for_each_report_in_the_order_of_arrival():
    study = rung.simulate(
        {"x": rung.Float(0, 1)}, lambda config, epoch: ({"loss": config["x"] / epoch, "epoch": 1.0}, 2.0),
        metric="loss", n_trials=4, n_workers=2, max_resource=3, seed=0,
    )  # fmt: skip
    frame = study.to_dataframe(by="report")
    assert list(frame.columns) == ["trial", "attempt", "epoch", "seconds", "x", "loss", "metric.epoch"]
    assert len(frame) == len(study.state.curve)
    assert frame["seconds"].is_monotonic_increasing
    assert frame["seconds"].iloc[-1] == study.state.t
    for number, rows in frame.groupby("trial"):
        trial = study.trials[number]
        assert rows["epoch"].tolist() == [r.resource for r in trial.reports]
        assert rows["loss"].tolist() == [r.metrics["loss"] for r in trial.reports]
        assert set(rows["x"]) == {trial.config["x"]}
    with pytest.raises(Error, match='use "trial" or "report"'):
        study.to_dataframe(by="epoch")
