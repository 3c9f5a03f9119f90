import math
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import stats

import rung
from rung.analysis.plots import PLOTS, anytime, learning_curves
from rung.analysis.plots import slice as slices
from rung.errors import ArgumentError, Error, NoTrialError

X = {"x": rung.Float(0, 1)}
MODULES = [learning_curves, anytime, slices]


def drawn(figure):
    """The figure's first axes, after everything was drawn once (which may warn, and a warning is an error)."""
    assert figure._repr_png_().startswith(b"\x89PNG")
    return figure.axes[0]


def labels(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def line(axes, label):
    return next(line for line in axes.lines if line.get_label() == label)


@pytest.fixture(name="few")
def _few(fold, Told):
    return fold(
        X,
        [
            Told({"x": 0.1}, curve=[0.9, 0.5, 0.4]),
            Told({"x": 0.2}, curve=[0.8, 0.3, 0.2]),
            Told({"x": 0.3}, curve=[0.7, math.nan], outcome="failed", reason="loss is nan at epoch 2"),
            Told({"x": 0.4}, curve=[0.6], outcome="interrupted"),
            Told({"x": 0.5}, outcome="failed", reason="ValueError"),
        ],
    )


# ---- what holds for all of them


@pytest.mark.parametrize("module", MODULES)
def test_it_is_a_figure_that_shows_itself_and_that_pyplot_does_not_know(few, module):
    figure = module.figure(few)
    assert isinstance(figure, Figure)
    drawn(figure)
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or pyplot.get_fignums() == []


@pytest.mark.parametrize("module", MODULES)
def test_there_is_nothing_to_plot(fold, Told, module):
    with pytest.raises(NoTrialError, match=r"no trial reported 'loss'|none of 0 trials has completed"):
        module.figure(fold(X, []))
    with pytest.raises(NoTrialError, match=r"no trial reported 'loss'|none of 1 trials has completed"):
        module.figure(fold(X, [Told({"x": 0.1}, outcome="failed")]))


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("low", [1e-3, 1.0, -1e-3])
def test_the_metric_has_a_log_axis_where_it_spans_decades(fold, Told, module, low):
    told = [Told({"x": i / 10}, curve=[y]) for i, y in enumerate([low, 0.2, 3.0])]
    expected = "log" if low == 1e-3 else "linear"
    assert drawn(module.figure(fold(X, told))).get_yscale() == expected


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("values", [[0.5], [1e308, 1e-300], [-1e308, 1e308], [0.0, 0.0]])
def test_few_and_astronomical_values_are_drawn_without_a_warning(fold, Told, module, values):
    drawn(module.figure(fold(X, [Told({"x": i / 10}, curve=[y]) for i, y in enumerate(values)])))


@pytest.mark.parametrize("module", MODULES)
def test_of_several_objectives_it_is_the_first(fold, Told, module):
    goals = {"accuracy": "max", "seconds": "min"}
    told = [Told({"x": 0.1}, {"seconds": 3.0}, [0.5]), Told({"x": 0.2}, {"seconds": 1.0}, [0.9])]
    figure = module.figure(fold(X, told, goals))
    axes = drawn(figure)
    assert "accuracy" in {axes.get_ylabel(), figure.get_supylabel()}


@pytest.mark.parametrize("name", PLOTS)
def test_without_matplotlib_it_says_how_to_get_it(monkeypatch, name):
    study = rung.tune(lambda config: config["x"], X, n_trials=1, storage=":memory:")
    for module in [module for module in sys.modules if module.startswith("rung.analysis.plots.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for draw in (lambda: study.plot(name), lambda: getattr(study.plot, name)):
        with pytest.raises(Error, match=r"pip install 'rung\[plot\]'"):
            draw()
    assert set(dir(study.plot)) == set(PLOTS)


def test_a_study_plots_itself():
    study = rung.tune(
        lambda config, trial: trial.report(value=config["x"]), X, n_trials=3, storage=":memory:"
    )
    for name in ("learning_curves", "rungs", "anytime", "slice"):
        for figure in (study.plot(name), getattr(study.plot, name)(), getattr(study, f"plot_{name}")()):
            drawn(figure)
    for name in dir(study.plot):
        assert getattr(study.plot, name).__doc__.startswith("Plot")


def test_an_unknown_plot_names_the_nearest():
    study = rung.Study(X, storage=":memory:")
    with pytest.raises(ArgumentError, match=r"plot: there is no 'slices'; did you mean 'slice'\?"):
        study.plot("slices")
    with pytest.raises(AttributeError, match=r"there is no plot 'rung'; did you mean 'rungs'\?"):
        study.plot.rung()
    assert not hasattr(study.plot, "slices")


def test_a_plot_is_added_by_one_line(monkeypatch, tmp_path):
    (tmp_path / "my_plots.py").write_text("def figure(state):\n    'Count.'\n    return len(state.trials)\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(PLOTS, "count", "my_plots")
    study = rung.tune(lambda config: config["x"], X, n_trials=3, storage=":memory:")
    assert study.plot.count() == study.plot("count") == 3
    assert "count" in dir(study.plot)


# ---- learning curves


def test_there_is_a_curve_for_each_trial_that_reported(few):
    axes = drawn(learning_curves.figure(few))
    curves = [line for line in axes.lines if line.get_label().startswith("_")]
    assert len(curves) == 4
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("epoch", "loss", "loss of 4 trials")
    assert len({line.get_color() for line in curves}) == 4


def test_the_best_is_on_top_and_named(few):
    axes = drawn(learning_curves.figure(few))
    assert labels(axes) == ["best: trial 1, 0.2", "failed", "interrupted"]
    assert line(axes, "best: trial 1, 0.2").get_ydata() == pytest.approx([0.8, 0.3, 0.2])


def test_with_max_the_greatest_is_the_darkest(fold, Told):
    told = [Told({"x": 0.1}, curve=[0.1, 0.9]), Told({"x": 0.2}, curve=[0.1, 0.3])]
    axes = drawn(learning_curves.figure(fold(X, told, mode="max")))
    curves = {line.get_ydata()[-1]: sum(line.get_color()[:3]) for line in axes.lines[:2]}
    assert curves[0.9] < curves[0.3]
    assert "best: trial 0, 0.9" in labels(axes)


def test_a_curve_ends_before_nan_and_the_end_is_marked(few):
    axes = drawn(learning_curves.figure(few))
    assert line(axes, "failed").get_xydata().tolist() == [[1.0, 0.7]]
    assert line(axes, "interrupted").get_xydata().tolist() == [[1.0, 0.6]]


def test_what_is_only_reported_is_never_shown():
    def objective(config, trial):
        for epoch in range(1, 4):
            trial.report(epoch=epoch, loss=config["x"], test_loss=1e6)

    study = rung.tune(
        objective, X, metric="loss", report_only=["test_loss"], n_trials=3, storage=":memory:", progress=False
    )
    axes = drawn(study.plot_learning_curves())
    assert axes.get_ylim()[1] < 2
    assert "test_loss" not in axes.get_ylabel() + axes.get_title() + "".join(labels(axes))


# ---- any time


@pytest.mark.parametrize(("mode", "better"), [("min", np.less), ("max", np.greater)])
def test_the_incumbents_get_better_and_better(fold, Told, mode, better):
    values = np.random.default_rng(0).random(50)
    state = fold(X, [Told({"x": y}, {"loss": y}) for y in values], mode=mode)
    steps = line(drawn(anytime.figure(state)), "best so far").get_xydata()
    assert np.all(better(steps[1:-1, 1], steps[:-2, 1]))
    assert np.all(np.diff(steps[:, 0]) > 0)
    assert steps[0].tolist() == [1.0, values[0]]
    assert steps[-1].tolist() == [50.0, state.best.value]


def test_an_infeasible_trial_is_hollow_and_never_the_incumbent(fold, Told):
    told = [Told({"x": 0.1}, {"loss": 0.5, "mb": 1.0}), Told({"x": 0.2}, {"loss": 0.1, "mb": 9.0})]
    axes = drawn(anytime.figure(fold(X, told, constraints={"mb": "<= 2"})))
    assert labels(axes) == ["trial", "infeasible trial", "best so far"]
    assert set(line(axes, "best so far").get_ydata()) == {0.5}
    axes = drawn(anytime.figure(fold(X, told[1:], constraints={"mb": "<= 2"})))
    assert labels(axes) == ["infeasible trial"]


def test_failures_are_ticks_on_the_time_axis(few):
    axes = drawn(anytime.figure(few))
    assert line(axes, "failed trial").get_xdata().tolist() == [3.0, 5.0]
    assert line(axes, "failed trial").get_transform() == axes.get_xaxis_transform()


@pytest.mark.parametrize(("seconds", "unit"), [(2.0, "s"), (100.0, "s"), (200.0, "min"), (20_000.0, "h")])
def test_the_unit_of_time_goes_by_the_span(fold, Told, seconds, unit):
    axes = drawn(anytime.figure(fold(X, [Told({"x": 0.1}, {"loss": 0.5}, seconds=seconds)])))
    assert axes.get_xlabel() == f"running time of the study ({unit})"
    assert 1.9 < line(axes, "best so far").get_xdata()[-1] < 180


# ---- slices

SPACE = {
    "rate": stats.loguniform(1e-4, 1),
    "batch": rung.Int(8, 256, log=True),
    "narrow": rung.Float(0.1, 0.6, log=True),
    "normal": stats.norm(0, 1),
    "width": rung.Float(0, 2e6),
    "layers": rung.Int(1, 3),
    "units": rung.Int(1, 100).when(rung.param("layers") >= 2),
    "optimizer": rung.Categorical(["sgd", "adam"]),
    "code": rung.Categorical([f"choice number {i}" for i in range(30)]),
    "shape": rung.Ordinal([(32, 32), None, True]),
    "one": rung.Categorical(["alone"]),
    "data": "mnist",
}


@pytest.fixture(name="sliced", scope="module")
def _sliced(fold, Told):
    """A study of 20 trials, its figure, and the panels by name: drawn once, for it takes a second."""
    space = rung.Space(SPACE)
    rng = np.random.default_rng(1)
    configs = [space.config_to_json(space.sample(rng)) for _ in range(20)]
    state = fold(space, [Told(config, {"loss": i / 7 % 1}) for i, config in enumerate(configs)])
    return state, *panels(state)


def panels(state):
    figure = slices.figure(state)
    drawn(figure)
    return figure, {axes.get_xlabel(): axes for axes in figure.axes if axes.get_xlabel()}


def test_there_is_a_panel_for_each_hyperparameter_that_varies_in_rows_of_four(sliced):
    _, figure, found = sliced
    assert list(found) == [name for name in SPACE if name not in {"one", "data"}]
    assert [len({round(a.get_position().y0, 2) for a in found.values()})] == [3]
    assert figure.get_suptitle() == "loss of 20 completed trials"
    assert figure.axes[-1].get_ylabel() == "trial"


def test_the_scale_is_that_of_the_domain(sliced):
    _, _, found = sliced
    scales = {name: axes.get_xscale() for name, axes in found.items()}
    assert {name for name, scale in scales.items() if scale == "log"} == {"rate", "batch", "narrow"}


def test_the_whole_domain_is_shown(sliced):
    _, _, found = sliced
    low, high = found["rate"].get_xlim()
    assert low <= 1e-4
    assert high >= 1


@pytest.mark.parametrize("law", [stats.loguniform(1e-3, 1), stats.reciprocal(1e-3, 1), stats.lognorm(1.0)])
def test_laws_on_a_log_scale(fold, Told, law):
    _, found = panels(fold({"x": law}, [Told({"x": 0.5}, {"loss": 1.0})]))
    assert found["x"].get_xscale() == "log"


def test_a_lognormal_law_that_may_be_negative_has_a_linear_scale(fold, Told):
    _, found = panels(fold({"x": stats.lognorm(1.0, loc=-1)}, [Told({"x": -0.5}, {"loss": 1.0})]))
    assert found["x"].get_xscale() == "linear"


def test_choices_and_few_integers_are_named_and_jittered(sliced):
    _, _, found = sliced
    names = {key: [t.get_text() for t in axes.get_xticklabels()] for key, axes in found.items()}
    assert names["optimizer"] == ["sgd", "adam"]
    assert names["layers"] == ["1", "2", "3"]
    assert names["shape"] == ["(32, 32)", "None", "True"]
    assert names["code"][0] == "choice numb…"
    assert len(names["code"]) == 10
    places = found["optimizer"].collections[0].get_offsets()[:, 0]
    assert len(set(places)) == 20
    assert np.all(np.abs(places - np.round(places)) <= 0.3)


def test_a_panel_has_only_trials_in_which_it_is_active(sliced):
    state, _, found = sliced
    active = [trial for trial in state.trials if "units" in trial.config]
    assert 0 < len(active) < 20
    assert len(found["units"].collections[0].get_offsets()) == len(active)
    assert len(found["rate"].collections[0].get_offsets()) == 20


@pytest.mark.parametrize("mode", ["min", "max"])
def test_the_best_is_starred(fold, Told, mode):
    told = [Told({"x": x}, {"loss": x}) for x in (0.4, 0.2, 0.7)]
    figure, found = panels(fold(X, told, mode=mode))
    best = {"min": (1, 0.2), "max": (2, 0.7)}[mode]
    label = "best: trial {}, {}".format(*best)
    assert line(found["x"], label).get_xydata().tolist() == [[best[1], best[1]]]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [label]


def test_constants_alone_give_no_slices(fold, Told):
    with pytest.raises(NoTrialError, match="every hyperparameter of this space is a constant"):
        slices.figure(fold({"x": 3}, [Told({"x": 3}, {"loss": 1.0})]))


def test_no_cell_of_the_slices_is_empty(fold, Told):
    names = "abcde"
    told = [Told(dict.fromkeys(names, i / 9), {"loss": i / 9}) for i in range(9)]
    _, found = panels(fold({name: rung.Float(0, 1) for name in names}, told))
    widths = {name: axes.get_position().width for name, axes in found.items()}
    assert [name for name in names if widths[name] > 1.3 * widths["a"]] == ["d", "e"]
    assert [axes.get_ylabel() for axes in found.values()] == ["loss", "", "", "loss", ""]


@pytest.mark.parametrize("mode", ["min", "max"])
def test_failures_do_not_press_the_good_trials_onto_a_line(fold, Told, mode):
    values = [0.990 + i / 1000 for i in range(7)] + [0.5]  # an accuracy, and a trial that learned nothing
    values = values if mode == "max" else [1.1 - y for y in values]
    told = [Told({"x": i / 9}, {"y": y}) for i, y in enumerate(values)]
    figure, found = panels(fold(X, told, "y", mode=mode))
    low, high = found["x"].get_ylim()
    assert high - low < 0.05
    assert sum(low <= y <= high for y in values) == 7
    assert figure.get_suptitle() == "y of 8 completed trials (1 worse than the axis shows)"


def test_the_best_report_is_drawn_before_a_trial_has_completed(fold, Told):
    cut = [
        Told({"x": 0.1}, curve=[0.5, 0.4], outcome="interrupted"),
        Told({"x": 0.2}, curve=[0.3], outcome="running"),
    ]
    axes = drawn(anytime.figure(fold(X, cut)))
    assert list(line(axes, "best report so far").get_ydata()) == [0.5, 0.4, 0.3, 0.3]
    assert axes.get_title() == "Best loss of 3 reports"
    both = drawn(anytime.figure(fold(X, [Told({"x": 0.1}, {"loss": 0.2}, curve=[0.1, 0.2])])))
    assert line(both, "best report so far").get_ydata()[-1] == 0.1
    assert line(both, "best so far").get_ydata()[-1] == 0.2
