import math

import numpy as np

import rung
from rung.searchers._observed import Observed
from rung.space import Categorical, Float, Space, param
from rung.study.history import History

SPACE = Space({"a": Categorical(["x", "y"]), "b": Float(0, 1).when(param("a") == "y")})
X, Y = {"a": "x"}, {"a": "y", "b": 0.4}


def test_an_empty_study(lab):
    seen = Observed.of(lab(SPACE).history)
    assert seen.points.shape == seen.pending.shape == (0, 2)
    assert len(seen.losses) == len(seen.resources) == 0


def test_points_losses_resources_and_what_is_pending(lab):
    study = lab(SPACE)
    study.add(X, 1.0)
    study.add(Y)
    study.add(Y)
    study.report(1, 3, 0.5)
    study.add(X)
    study.end(3, outcome="failed")
    seen = Observed.of(study.history)
    np.testing.assert_array_equal(seen.points, [[0.25, math.nan], [0.75, 0.4], [0.25, math.nan]])
    np.testing.assert_array_equal(seen.pending, [[0.75, 0.4]])
    assert seen.losses.tolist() == [1.0, 0.5, math.inf]
    assert seen.resources.tolist() == [0, 3, 0]


def test_less_is_better_whatever_the_mode(lab):
    study = lab(SPACE, mode="max")
    study.add(X, 1.0)
    assert Observed.of(study.history).losses.tolist() == [-1.0]


def test_a_lost_trial_waits_with_what_it_told(lab):
    study = lab(SPACE)
    study.add(Y)
    study.add(Y)
    study.report(0, 1, 0.5)
    study.end(0, outcome="lost")
    study.end(1, outcome="lost")
    seen = Observed.of(study.history)
    assert seen.losses.tolist() == [0.5] and len(seen.pending) == 1


def test_what_was_known_before_a_trial_never_changes(lab):
    study = lab(SPACE)
    known = []
    for n in range(12):
        known.append(Observed.of(study.history))
        study.add(Y if n % 3 else X)
        study.report(n, 1, float(n))
        if n >= 2:
            study.report(n - 2, 2, n / 2)
            study.end(n - 2, *((None, "failed") if n % 4 == 0 else (n / 4,)))
    for n, then in enumerate(known):
        now = Observed.before(study.history, n)
        np.testing.assert_array_equal(now.points, then.points)
        np.testing.assert_array_equal(now.losses, then.losses)
        np.testing.assert_array_equal(now.resources, then.resources)
    assert len(Observed.before(study.history, 12).losses) == 12


def test_what_breaks_a_constraint_counts_as_failed():
    study = rung.Study({"mb": Float(0, 10)}, metric="loss", constraints={"mb": "<= 5"}, storage=":memory:")
    for mb in (2.0, 8.0):
        study.tell(study.ask(config={"mb": mb}), {"loss": 1 / mb, "mb": mb})
    running = study.ask(config={"mb": 9.0})
    study.report(running, epoch=1, loss=0.1, mb=9.0)
    unmeasured = study.ask(config={"mb": 3.0})
    study.report(unmeasured, epoch=1, loss=0.3)
    losses = Observed.of(History(study.state)).losses
    assert losses.tolist() == [0.5, math.inf, math.inf, 0.3]
