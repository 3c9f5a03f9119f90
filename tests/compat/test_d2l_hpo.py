"""The searcher, the scheduler and the tuner of section 19.2, without PyTorch."""

import math
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

import rung.errors
from rung.compat import d2l

SPACE = {"learning_rate": stats.loguniform(1e-4, 1), "batch_size": stats.randint(32, 256)}


def tuner_for(errors):
    """A tuner whose trials have these errors, one after another."""
    left = iter(errors)
    scheduler = d2l.BasicScheduler(d2l.RandomSearcher(SPACE, seed=0))
    return d2l.HPOTuner(scheduler, lambda learning_rate, batch_size: next(left))


def test_the_import_brings_no_heavy_package():
    code = (
        "import sys; from rung.compat import d2l; d2l.HPOTuner; dir(d2l);"
        "print({'torch', 'matplotlib', 'scipy', 'sklearn', 'IPython'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_an_unknown_name_is_named():
    with pytest.raises(AttributeError, match=r"no 'Trainr'; it has .*Trainer"):
        d2l.Trainr  # noqa: B018


def test_without_torch_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "rung.compat.d2l._torch", raising=False)
    with pytest.raises(ImportError, match=r"d2l.LeNet needs PyTorch .*rung\[examples\]"):
        d2l.LeNet  # noqa: B018


def test_dir_lists_all_names():
    assert dir(d2l) == sorted(d2l.__all__)


def test_save_hyperparameters_takes_the_arguments_of_the_caller():
    class Box(d2l.HyperParameters):
        def __init__(self, width, height=2, colour="red"):
            self.save_hyperparameters(ignore=["colour"])

    box = Box(1)
    assert (box.width, box.height, box.hparams) == (1, 2, {"width": 1, "height": 2})
    assert not hasattr(box, "colour")


def test_add_to_class_adds_a_method():
    class Box(d2l.HyperParameters):
        pass

    @d2l.add_to_class(Box)
    def volume(self):
        return 8

    assert Box().volume() == volume(None) == 8


def test_random_searcher_starts_with_the_initial_configuration_and_then_draws():
    first = {"learning_rate": 0.1, "batch_size": 64}
    searcher = d2l.RandomSearcher(SPACE, initial_config=first, seed=1)
    assert searcher.sample_configuration() == first
    drawn = [searcher.sample_configuration() for _ in range(50)]
    assert all(1e-4 <= config["learning_rate"] <= 1 for config in drawn)
    assert all(32 <= config["batch_size"] < 256 for config in drawn)
    assert len({config["learning_rate"] for config in drawn}) == 50


def test_random_searcher_repeats_with_its_seed_only():
    draw = [d2l.RandomSearcher(SPACE, seed=seed).sample_configuration() for seed in (3, 3, None, None)]
    assert draw[0] == draw[1]
    assert draw[2] != draw[3]


def test_random_searcher_takes_rungs_own_domains():
    from rung.space import Categorical, Int

    searcher = d2l.RandomSearcher({"units": Int(1, 8), "act": Categorical(["relu", "tanh"])}, seed=0)
    config = searcher.sample_configuration()
    assert config["units"] in range(1, 9)
    assert config["act"] in {"relu", "tanh"}


def test_basic_scheduler_hands_results_to_its_searcher():
    class Listener(d2l.RandomSearcher):
        def update(self, config, error, additional_info=None):
            self.heard = (config, error, additional_info)

    searcher = Listener(SPACE)
    scheduler = d2l.BasicScheduler(searcher=searcher)
    config = scheduler.suggest()
    scheduler.update(config, 0.5, info={"epoch": 3})
    assert searcher.heard == (config, 0.5, {"epoch": 3})


@pytest.mark.parametrize(
    ("base", "calls"),
    [
        (d2l.HPOSearcher, [lambda it: it.sample_configuration()]),
        (d2l.HPOScheduler, [lambda it: it.suggest(), lambda it: it.update({}, 0.1)]),
    ],
)
def test_base_classes_leave_the_work_to_their_subclasses(base, calls):
    for call in calls:
        with pytest.raises(NotImplementedError):
            call(base())


def test_tuner_keeps_the_books(capsys):
    tuner = tuner_for([0.5, 0.2, np.float32(0.3), np.array(0.1)])
    tuner.run(number_of_trials=3)
    tuner.run(number_of_trials=1)
    assert tuner.incumbent_trajectory == pytest.approx([0.5, 0.2, 0.2, 0.1])
    assert tuner.incumbent_error == pytest.approx(0.1)
    assert tuner.incumbent == tuner.records[3]["config"]
    assert [record["error"] for record in tuner.records] == pytest.approx([0.5, 0.2, 0.3, 0.1])
    assert tuner.cumulative_runtime == sorted(tuner.cumulative_runtime)
    assert tuner.current_runtime == tuner.cumulative_runtime[-1]
    assert sum(record["runtime"] for record in tuner.records) == pytest.approx(tuner.current_runtime)
    assert capsys.readouterr().out.count("Trial 0: {'learning_rate': ") == 2


def test_a_diverged_trial_is_never_preferred():
    tuner = tuner_for([math.nan, 0.9, math.nan])
    tuner.run(3)
    assert tuner.incumbent == tuner.records[1]["config"]
    assert tuner.incumbent_trajectory[1:] == [0.9, 0.9]


@pytest.mark.parametrize("result", [None, "0.1 or so", np.array([0.1, 0.2])])
def test_an_objective_without_a_number_is_named(result):
    with pytest.raises(rung.errors.ObjectiveError, match="return one number"):
        tuner_for([result]).run(1)
