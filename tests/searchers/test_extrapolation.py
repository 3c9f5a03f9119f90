import math

import numpy as np
import pytest
from scipy.stats import spearmanr

from rung.searchers._extrapolation import extrapolated, rank_correlation, variances
from rung.searchers._observed import Observed
from rung.space import Float

SPACE = {"x": Float(0, 1)}


def study_of(lab, curves):
    """A study of trials that reported these losses, each a dict by resource."""
    study = lab(SPACE)
    for n, curve in enumerate(curves):
        study.add({"x": (n + 0.5) / len(curves)})
        for resource, loss in curve.items():
            study.report(n, resource, loss)
    return study


@pytest.mark.parametrize("n", [3, 10, 50])
def test_the_rank_correlation_is_spearmans(n):
    a, b = np.random.default_rng(n).integers(0, n, size=(2, n)).astype(float)  # with ties
    a[0] = np.inf
    assert rank_correlation(a, b) == pytest.approx(spearmanr(a, b).statistic)
    assert math.isnan(rank_correlation(a[:2], b[:2]))
    assert math.isnan(rank_correlation(a, np.ones(n)))


def test_all_at_one_resource_stay_as_they_are(lab):
    losses, levels = extrapolated(Observed.of(study_of(lab, [{1: 0.5}, {1: 0.2}, {1: 0.9}]).history))
    assert losses.tolist() == [0.5, 0.2, 0.9]
    assert levels == []


def test_one_that_stopped_gets_what_the_others_gained(lab):
    study = study_of(lab, [{1: 0.5, 3: 0.2}, {1: 0.6, 3: 0.4}, {1: 0.7, 3: 0.4}, {1: 0.9}])
    losses, (level,) = extrapolated(Observed.of(study.history))
    assert losses == pytest.approx([0.2, 0.4, 0.4, 0.6])  # the median gain is -0.3
    assert level.resource == 1
    assert level.rows.tolist() == [False, False, False, True]
    assert level.agreement == pytest.approx(math.sqrt(3) / 2)


def test_one_that_stopped_is_not_believed_to_end_better_than_the_best(lab):
    study = study_of(lab, [{1: 0.5, 3: 0.2}, {1: 0.4, 3: 0.2}, {1: 0.1}])
    assert extrapolated(Observed.of(study.history))[0] == pytest.approx([0.2, 0.2, 0.2])


def test_levels_are_taken_from_the_highest_down(lab):
    study = study_of(lab, [{1: 8.0, 3: 4.0, 9: 2.0}, {1: 9.0, 3: 6.0}, {1: 10.0}])
    losses, levels = extrapolated(Observed.of(study.history))
    assert [level.resource for level in levels] == [3, 1]
    assert losses.tolist() == [2.0, 4.0, 4.5]  # -2 from 3 on; from 1 on -6 and -5


def test_a_trial_without_reports_stands_at_the_end(lab):
    study = study_of(lab, [{1: 0.5, 3: 0.2}, {1: 0.6}])
    study.add({"x": 0.1}, 0.3)
    losses, levels = extrapolated(Observed.of(study.history))
    assert losses == pytest.approx([0.2, 0.3, 0.3])
    assert [level.resource for level in levels] == [1]  # nobody went on from 3


def test_failures_stay_infinite(lab):
    study = study_of(lab, [{1: 0.5, 3: 0.2}, {1: 0.6}, {1: 0.4}])
    study.end(2, outcome="failed")
    assert extrapolated(Observed.of(study.history))[0].tolist() == [0.2, pytest.approx(0.3), math.inf]


def test_targets_are_as_unsure_as_the_forecasts_of_others_were_off(lab):
    exact = [{1: float(n), 3: float(n) - 1} for n in range(1, 21)] + [{1: 5.5}]
    off = np.random.default_rng(0).normal(size=20)
    noisy = [{1: float(n), 3: n - 1 + 5 * off[n - 1]} for n in range(1, 21)] + [{1: 5.5}]
    found = []
    for curves in (exact, noisy):
        losses, levels = extrapolated(Observed.of(study_of(lab, curves).history))
        found.append(variances(levels, losses, (losses - losses.mean()) / losses.std()))
    assert (found[0][:20] == 0).all()
    assert 0 < found[0][20] < 0.02  # of the two trials' worth that were believed beforehand
    assert found[1][20] > 0.2


def test_what_was_known_when_a_trial_was_decided_has_the_same_curves(lab):
    study = study_of(lab, [{1: 0.5, 3: 0.2}, {1: 0.6, 3: 0.3}, {1: 0.4}])
    study.add({"x": 0.99})
    before, now = Observed.before(study.history, 3), Observed.of(study.history)
    assert extrapolated(before)[0].tolist() == extrapolated(now)[0].tolist()
    study.report(2, 3, 0.1)
    assert extrapolated(Observed.before(study.history, 3))[0].tolist() == extrapolated(before)[0].tolist()


def test_a_part_that_is_reported_again_counts_as_it_was_reported_last(lab):
    study = study_of(lab, [{1: 0.5, 2: 0.4, 3: 0.3}])
    study.end(0, outcome="lost")
    study.again(0)
    study.report(0, 2, 0.6)
    study.add({"x": 0.1})
    assert Observed.before(study.history, 1).curve(0) == {1: 0.5, 2: 0.6}
    assert Observed.of(study.history).curve(0) == {1: 0.5, 2: 0.6}
