"""Section 19.4 in the book's words: the scheduler by itself, and what the section's cells do."""

import math
import sys

import numpy as np
import pytest
from scipy import stats

from rung.compat import d2l
from rung.errors import Error

SPACE = {"learning_rate": stats.loguniform(1e-2, 1), "batch_size": stats.randint(32, 256)}


class Counter(d2l.HPOSearcher):
    """Proposes x = 0, 1, 2, ... and remembers what it hears."""

    def __init__(self):
        self.n, self.heard = 0, []

    def sample_configuration(self):
        self.n += 1
        return {"x": self.n - 1}

    def update(self, config, error, additional_info=None):
        self.heard.append((config, error, additional_info))


def scheduler(eta=2, r_min=1, r_max=4, prefact=1):
    return d2l.SuccessiveHalvingScheduler(Counter(), eta, r_min, r_max, prefact)


def run(it, n, error=lambda config: config["x"]):
    for _ in range(n):
        config = it.suggest()
        it.update(config, error(config))


@pytest.mark.parametrize(
    ("eta", "r_min", "r_max", "levels"),
    [
        (2, 1, 8, [1, 2, 4, 8]),
        (2, 2, 10, [2, 4, 8, 10]),
        (3, 1, 81, [1, 3, 9, 27, 81]),
        (10, 1, 1000, [1, 10, 100, 1000]),  # log(1000) / log(10) is a little less than 3
        (4, 5, 5, [5]),
    ],
)
def test_rungs_end_at_the_top(eta, r_min, r_max, levels):
    it = scheduler(eta, r_min, r_max)
    assert it.rung_levels == levels
    assert len(levels) == it.K + 1


def test_a_round_halves_from_rung_to_rung_and_the_best_reach_the_top():
    it = scheduler()
    run(it, 7)
    ran = {level: sorted(c["x"] for c, _ in pairs) for level, pairs in it.all_observed_error_at_rungs.items()}
    assert ran == {1: [0, 1, 2, 3], 2: [0, 1], 4: [0]}
    assert all(c["max_epochs"] == r for r, pairs in it.all_observed_error_at_rungs.items() for c, _ in pairs)


def test_the_next_round_begins_with_new_configurations():
    it = scheduler()
    run(it, 14)
    assert sorted(c["x"] for c, _ in it.all_observed_error_at_rungs[1]) == list(range(8))
    assert [c["x"] for c, _ in it.all_observed_error_at_rungs[4]] == [0, 4]
    assert not any(it.observed_error_at_rungs.values())


def test_prefact_widens_every_rung():
    it = scheduler(prefact=3)
    run(it, 21)
    assert [len(pairs) for pairs in it.all_observed_error_at_rungs.values()] == [12, 6, 3]
    assert it.queue == []


def test_results_may_come_late_and_in_any_order():
    """As from several workers: a new round may begin before the last result of the old one."""
    it = scheduler()
    first = [it.suggest() for _ in range(4)]
    more = it.suggest()
    for config in reversed(first):
        it.update(config, config["x"])
    it.update(more, 9.0)
    assert sorted(c["max_epochs"] for c in it.queue) == [1, 1, 1, 2, 2]
    assert it.queue[-1]["max_epochs"] == 1  # promoted ones wait for those that are queued


def test_a_diverged_one_is_not_promoted():
    it = scheduler()
    run(it, 6, lambda config: math.nan if config["x"] in {1, 3} else config["x"])
    assert sorted(c["x"] for c, _ in it.all_observed_error_at_rungs[2]) == [0, 2]


def test_the_searcher_hears_of_every_result_and_keeps_its_own_configurations():
    first = {"learning_rate": 0.1, "batch_size": 128}
    d2l.SuccessiveHalvingScheduler(d2l.RandomSearcher(SPACE, initial_config=first), 2, 1, 4).suggest()
    assert "max_epochs" not in first
    it = scheduler()
    config = it.suggest()
    it.update(config, 0.5, info={"worker": 1})
    assert it.searcher.heard == [(config, 0.5, {"worker": 1})]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"eta": 1}, "eta=1; give at least 2"),
        ({"r_min": 0}, "r_min=0; use a number from 1 to r_max=4"),
        ({"r_min": 8}, "r_min=8; use a number from 1 to r_max=4"),
        ({"prefact": 0.5}, r"prefact=0\.5; give at least 1"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(Error, match=message):
        scheduler(**arguments)


def test_a_result_of_no_rung_is_named():
    with pytest.raises(Error, match=r"max_epochs=3 is no rung; .*\[1, 2, 4\]"):
        scheduler().update({"x": 1, "max_epochs": 3}, 0.5)


@pytest.fixture(name="settings")
def _settings():
    """Pyplot's settings and figures are as they were when the test is over."""
    with d2l.plt.rc_context():
        yield
    d2l.plt.close("all")


def test_the_cells_of_section_19_4(settings):
    d2l.set_figsize()
    min_number_of_epochs, max_number_of_epochs, eta = 2, 10, 2

    def error(learning_rate, batch_size, max_epochs):
        return np.float32(abs(np.log10(learning_rate) + 1) + 1 / max_epochs + batch_size / 1e4)

    searcher = d2l.RandomSearcher(SPACE, initial_config={"learning_rate": 0.1, "batch_size": 128}, seed=0)
    it = d2l.SuccessiveHalvingScheduler(
        searcher=searcher, eta=eta, r_min=min_number_of_epochs, r_max=max_number_of_epochs
    )
    tuner = d2l.HPOTuner(scheduler=it, objective=error)
    tuner.run(number_of_trials=30)

    for epochs, rung in it.all_observed_error_at_rungs.items():
        d2l.plt.scatter([epochs] * len(rung), [pair[1] for pair in rung])
    d2l.plt.xlim(min_number_of_epochs - 0.5, max_number_of_epochs + 0.5)
    d2l.plt.xticks(np.arange(min_number_of_epochs, max_number_of_epochs + 1))
    d2l.plt.xlabel("epochs")
    d2l.plt.ylabel("validation error")

    figure = d2l.plt.gcf()
    assert tuple(figure.get_size_inches()) == (3.5, 2.5)
    assert len(figure.axes[0].collections) == 4
    counts = {epochs: len(rung) for epochs, rung in it.all_observed_error_at_rungs.items()}
    assert counts == {2: 16, 4: 8, 8: 4, 10: 2}
    assert tuner.incumbent == {"learning_rate": 0.1, "batch_size": 128, "max_epochs": 10}


@pytest.mark.slow
def test_section_19_4_with_the_books_objective(small_fashion_mnist):
    searcher = d2l.RandomSearcher(SPACE, seed=0)
    it = d2l.SuccessiveHalvingScheduler(searcher, eta=2, r_min=1, r_max=2)
    tuner = d2l.HPOTuner(scheduler=it, objective=d2l.hpo_objective_lenet)
    tuner.run(number_of_trials=3)
    assert [record["config"]["max_epochs"] for record in tuner.records] == [1, 1, 2]


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"d2l.plt needs matplotlib .*rung\[plot\]"):
        d2l.set_figsize()
