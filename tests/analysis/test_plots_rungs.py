import pytest

import rung
from rung.analysis.plots import rungs
from rung.errors import NoTrialError
from rung.schedulers import ASHA
from rung.study.events import Outcome

X = {"x": rung.Float(0, 1)}


def curve(config, epoch):
    return {"loss": config["x"] + 1 / epoch}, 1.0


def simulated(n_trials, scheduler="asha", **options):
    return rung.simulate(
        X, curve, metric="loss", n_trials=n_trials, n_workers=4, max_resource=9, scheduler=scheduler, seed=0,
        **options,
    )  # fmt: skip


def drawn(figure):
    assert figure._repr_png_().startswith(b"\x89PNG")
    return figure.axes[0]


def points(axes, label):
    """The points in the scatter `label`, rounded; none if there is no such scatter."""
    found = [c for c in axes.collections if c.get_label() == label]
    return sorted((int(x), round(float(y), 9)) for c in found for x, y in c.get_offsets())


def values(trials, epoch):
    return sorted((epoch, round(t.reports[epoch - 1].metrics["loss"], 9)) for t in trials)


@pytest.mark.parametrize("scheduler", ["asha", ASHA("stopping")])
def test_every_trial_is_at_the_rungs_it_reached_and_marked_where_it_was_stopped(scheduler):
    study = simulated(60, scheduler)
    axes = drawn(study.plot_rungs())
    assert list(axes.get_xticks()) == [1, 3, 9]
    assert axes.get_xscale() == "log"
    stopped = {e: [t for t in study.trials if t.status == "stopped" and t.resource == e] for e in (1, 3)}
    assert points(axes, "stopped") == values(stopped[1], 1) + values(stopped[3], 3)
    on = {e: [t for t in study.trials if t.resource > e or t.status == "completed"] for e in (1, 3, 9)}
    expected = values(on[1], 1) + values(on[3], 3) + values([t for t in on[9] if t.resource == 9], 9)
    assert points(axes, "went on or completed") == expected


def test_trials_that_went_on_are_connected_and_the_best_is_orange():
    study = simulated(60)
    axes = drawn(study.plot_rungs())
    connected = [list(line.get_xdata()) for line in axes.lines if line.get_label().startswith("_")]
    assert connected.count([1, 3, 9]) == sum(t.status == "completed" for t in study.trials)
    best = axes.lines[-1]
    assert best.get_label() == f"best: trial {study.best_trial.number}, {study.best_value:.4g}"
    assert list(best.get_ydata()) == pytest.approx([study.best_config["x"] + 1 / e for e in (1, 3, 9)])


def test_paused_trials_are_rings(fold, Told):
    told = [
        Told({"x": 0.1}, curve=[0.9, 0.5]),
        Told({"x": 0.2}, curve=[0.8], outcome="paused"),
        Told({"x": 0.3}, curve=[0.7], outcome="stopped"),
        Told({"x": 0.4}, curve=[0.6], outcome="running"),
        Told({"x": 0.5}, outcome="failed"),
    ]
    axes = drawn(rungs.figure(fold(X, told)))
    assert points(axes, "paused") == [(1, 0.8)]
    assert points(axes, "stopped") == [(1, 0.7)]
    assert points(axes, "went on or completed") == [(1, 0.6), (1, 0.9), (2, 0.5)]
    assert axes.get_title() == "loss of 4 trials at each rung"


def test_three_trials():
    axes = drawn(simulated(3).plot_rungs())
    assert list(axes.get_xticks()) == [1, 3]


def test_without_early_stopping_the_end_is_the_only_rung():
    axes = drawn(simulated(5, "fifo").plot_rungs())
    assert list(axes.get_xticks()) == [9]
    assert len(points(axes, "went on or completed")) == 5


def test_a_trial_that_reports_now_and_then_is_at_a_rung_with_its_next_report():
    def objective(config, trial):
        for epoch in (2, 4, 9):
            trial.report(epoch=epoch, loss=1 / epoch)

    study = rung.tune(
        objective, X, metric="loss", n_trials=3, max_resource=9, scheduler=ASHA("stopping", min_resource=3),
        storage=":memory:", progress=False,
    )  # fmt: skip
    levels = rungs.levels(study.state)
    assert levels[-1] == 9
    assert (9, round(1 / 9, 9)) in points(drawn(study.plot_rungs()), "went on or completed")


def test_a_trial_that_began_later_is_not_at_the_rungs_before():
    """As those that population-based training clones from others."""

    def objective(config, trial):
        for epoch in [9] if trial.number == 0 else range(1, 10):
            trial.report(epoch=epoch, loss=trial.number / epoch)

    study = rung.tune(
        objective, X, metric="loss", n_trials=8, max_resource=9, scheduler=ASHA("stopping"),
        storage=":memory:", progress=False,
    )  # fmt: skip
    axes = drawn(study.plot_rungs())
    assert axes.get_xticks()[0] == 1
    assert list(axes.lines[0].get_xdata()) == [9]


def test_of_many_rungs_the_labels_that_fit_are_shown(fold, Told):
    told = [Told({"x": n / 100}, curve=[1.0] * n, outcome="stopped") for n in range(1, 61)]
    ticks = list(drawn(rungs.figure(fold(X, told))).get_xticks())
    assert ticks[:3] == [1, 2, 3]
    assert len(ticks) <= 14


def test_there_is_nothing_to_plot(fold, Told):
    for told in ([], [Told({"x": 0.1})], [Told({"x": 0.1}, curve=[0.5], outcome="running")]):
        with pytest.raises(NoTrialError, match=r"no rungs: no trial reported 'loss' up to where"):
            rungs.figure(fold(X, told))


def test_a_trial_that_diverged_is_drawn_up_to_its_last_number(fold, Told):
    nan = float("nan")
    told = [Told({"x": 0.1}, curve=[0.9, 0.5]), Told({"x": 0.2}, curve=[0.8, nan], outcome=Outcome.FAILED)]
    axes = drawn(rungs.figure(fold(X, told)))
    assert points(axes, "went on or completed") == [(2, 0.5)]


@pytest.mark.parametrize("low", [1e-3, 1.0, -1e-3])
def test_the_metric_has_a_log_axis_where_it_spans_decades(fold, Told, low):
    told = [Told({"x": i / 10}, curve=[y]) for i, y in enumerate([low, 0.2, 3.0])]
    assert drawn(rungs.figure(fold(X, told))).get_yscale() == ("log" if low == 1e-3 else "linear")


@pytest.mark.parametrize("ys", [[0.5], [1e308, 1e-300], [-1e308, 1e308], [0.0, 0.0]])
def test_few_and_astronomical_values_are_drawn_without_a_warning(fold, Told, ys):
    drawn(rungs.figure(fold(X, [Told({"x": i / 10}, curve=[y]) for i, y in enumerate(ys)])))


def test_only_the_schedulers_rungs_are_drawn_not_each_early_end():
    """As of boosting with early stopping, which completes a trial anywhere."""

    def objective(config, trial):
        for epoch in range(1, 5 + trial.number):
            trial.report(epoch=epoch, loss=config["x"])

    study = rung.tune(
        objective, X, metric="loss", n_trials=6, max_resource=27, scheduler=ASHA("stopping"), searcher="random",
        storage=":memory:", progress=False, seed=0,
    )  # fmt: skip
    assert {t.resource for t in study.trials if t.status == "completed"} - {1, 3, 9, 27}
    assert set(drawn(study.plot_rungs()).get_xticks()) <= {1, 3, 9, 27}


def test_a_rung_at_which_nobody_was_stopped_is_drawn():
    def objective(config, trial):
        for epoch in trial.epochs():
            late = 0.5 if trial.number == 2 and epoch >= 5 else 0.0
            trial.report(epoch=epoch, loss=config["x"] + late)

    study = rung.tune(
        objective, X, metric="loss", n_trials=3, max_resource=10, storage=":memory:", progress=False,
        scheduler=ASHA("stopping", min_resource=2, eta=2), initial_configs=[{"x": x} for x in (0.3, 0.2, 0.1)],
    )  # fmt: skip
    assert list(drawn(study.plot_rungs()).get_xticks()) == [2, 4, 8, 10]
