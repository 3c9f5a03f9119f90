"""The winner's statistics against brute force, and their coverage by simulation with fixed seeds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import stdtrit

from rung.confirmation.posterior import Posterior
from rung.confirmation.statistics import Noise, difference, unseen_mean

REPETITIONS = 400


def runs(values, start=0):
    return dict(enumerate(values, start))


# ---- oracles


def test_variances_are_moderated_towards_the_pooled_one():
    a, b = [1.0, 3.0, 2.0], [5.0, 5.5]
    noise = Noise.of([runs(a), runs(b)])
    pooled = (2 * np.var(a, ddof=1) + np.var(b, ddof=1)) / 3
    assert noise.pooled == pytest.approx(pooled)
    assert noise.variances == pytest.approx([(4 * pooled + 2 * np.var(a, ddof=1)) / 6,
                                             (4 * pooled + np.var(b, ddof=1)) / 5])  # fmt: skip
    assert noise.degrees(3) == min(3 + 3, 3 + 2)


def test_the_interval_of_a_single_finalist_is_students():
    values = [0.3, 0.5, 0.45, 0.2, 0.35]
    found = Noise.of([runs(values)]).interval(0, 0.9, among=1)
    low, high = stats.t.interval(0.9, 4, np.mean(values), stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high))


def test_one_run_has_no_interval():
    assert Noise.of([runs([1.0])]).interval(0, 0.9, among=1).low is None
    assert difference(runs([1.0]), runs([2.0]), 0.9, 1).p_better is None


@pytest.mark.slow
def test_the_posterior_is_that_of_weighted_draws_of_the_prior():
    samples = [[0.9, 1.1, 1.3, 0.8], [1.2, 1.6], [1.5, 1.4, 1.9]]
    noise = Noise.of([runs(s) for s in samples])
    rng = np.random.default_rng(1)
    draws, s, d = 150_000, math.sqrt(noise.pooled), noise.freedom
    tau = s / 2 * abs(rng.standard_t(3, draws))
    r = d / rng.chisquare(d, draws)
    rho = rng.choice([0.0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9], draws, p=[1 / 2, *[1 / 12] * 6])
    middle = rng.uniform(-8, 11, draws)  # as good as flat
    f = middle[:, None] + tau[:, None] * rng.standard_normal((draws, 3))
    log_likelihood = d / 2 * (np.log(r) + 1 / r)  # against the density of r, for one that is flat in log r
    for seed in range(4):
        on = [i for i in range(3) if seed < len(samples[i])]
        shared = (np.eye(len(on)) + rho[:, None, None] * (1 - np.eye(len(on)))) * r[:, None, None]
        covariance = shared * np.sqrt(np.outer(noise.variances[on], noise.variances[on]))
        apart = np.array([samples[i][seed] for i in on]) - f[:, on]
        squares = (apart * np.linalg.solve(covariance, apart[..., None])[..., 0]).sum(axis=1)
        log_likelihood -= 0.5 * (np.linalg.slogdet(covariance)[1] + squares)
    weights = np.exp(log_likelihood - log_likelihood.max())
    weights /= weights.sum()
    posterior = Posterior.of([runs(s) for s in samples], np.random.default_rng(0))
    assert posterior.means == pytest.approx(weights @ f, abs=0.02)
    assert posterior.best == pytest.approx(np.bincount(f.argmin(axis=1), weights), abs=0.04)
    lost = weights @ (f - f.min(axis=1, keepdims=True))
    assert posterior.expected_loss == pytest.approx(lost, abs=0.03)


def test_a_choice_by_equal_seeds_that_draw_the_split_is_surer_than_one_by_others():
    split = np.random.default_rng(2).normal(0, 1, 5)
    good = split + np.array([0.1, -0.1, 0.05, 0.0, -0.05])
    worse = split + np.array([0.4, 0.5, 0.3, 0.35, 0.45])
    paired = Posterior.of([runs(good), runs(worse)], np.random.default_rng(0))
    apart = Posterior.of([runs(good), runs(worse, 5)], np.random.default_rng(0))
    assert paired.best[0] > apart.best[0] + 0.05 > 0.55
    assert paired.expected_loss[0] < 0.7 * apart.expected_loss[0]


def test_without_noise_the_best_is_the_best_and_the_interval_has_no_width():
    fresh = [runs([0.1, 0.1, 0.1]), runs([0.2, 0.2])]
    noise, posterior = Noise.of(fresh), Posterior.of(fresh, np.random.default_rng(0))
    assert list(posterior.best) == [1.0, 0.0]
    assert list(posterior.expected_loss) == pytest.approx([0.0, 0.1])
    assert noise.interval(0, 0.9, among=2).width == 0.0
    assert difference(runs([0.1, 0.1]), runs([0.2, 0.2]), 0.9, 1).settled


def test_what_lies_far_apart_is_not_pulled_together():
    fresh = [runs([0.0, 0.1, -0.1, 0.05]), runs([9.0, 9.1]), runs([9.3, 9.1]), runs([9.2, 9.0])]
    posterior = Posterior.of(fresh, np.random.default_rng(0))
    assert posterior.means[0] == pytest.approx(np.mean([0.0, 0.1, -0.1, 0.05]), abs=0.05)
    assert posterior.best[0] == 1.0


def test_equal_seeds_take_out_what_they_share():
    rng = np.random.default_rng(3)
    split = rng.normal(0, 1, 8)
    good = runs(split + rng.normal(0, 0.1, 8))
    worse = runs(split + 0.4 + rng.normal(0, 0.1, 8))
    paired = difference(good, worse, 0.9, 1)
    unpaired = difference(good, {i + 100: v for i, v in worse.items()}, 0.9, 1)
    assert (paired.pairs, unpaired.pairs) == (8, 0)
    assert paired.by.width < 0.8 * unpaired.by.width
    assert not unpaired.settled


def test_the_runs_that_would_settle_a_difference_do():
    rng = np.random.default_rng(4)
    a, b = rng.normal(0, 1, 400), rng.normal(0.4, 1, 400)
    few = difference(runs(a[:12]), runs(b[:12]), 0.9, 1)
    assert not few.settled and few.pairs_to_settle > 12
    # As many as are said to be needed, if they differ as the first do.
    again = math.ceil(few.pairs_to_settle / 12) + 1
    enough = difference(runs(np.tile(a[:12], again)), runs(np.tile(b[:12], again)), 0.9, 1)
    assert enough.settled
    assert difference(runs(a[:12]), runs(b[:12], 50), 0.9, 1).pairs_to_settle is None


# ---- coverage, on the runs that the policy makes: 2 of each, 3 more of the best two, 6 more of the winner


NOISE = {
    "gaussian": lambda rng, scale, n: scale * rng.standard_normal(n),
    "t3": lambda rng, scale, n: rng.standard_t(3, n) / math.sqrt(3),
    "heteroscedastic": lambda rng, scale, n: scale * rng.standard_normal(n),
}


def confirmed(kind, rng):
    truth = rng.normal(0, 0.5, 4)
    scales = np.exp(rng.normal(0, 0.8, 4)) if kind == "heteroscedastic" else np.ones(4)
    fresh = [list(f + NOISE[kind](rng, s, 2)) for f, s in zip(truth, scales, strict=True)]
    best = sorted(range(4), key=lambda i: np.mean(fresh[i]))[:2]
    for i in best:
        fresh[i] += list(truth[i] + NOISE[kind](rng, scales[i], 3))
    winner = min(best, key=lambda i: np.mean(fresh[i]))
    claim = list(truth[winner] + NOISE[kind](rng, scales[winner], 6))
    fresh[winner] += claim
    return truth, winner, [runs(values) for values in fresh], runs(claim)


@pytest.mark.parametrize("kind", NOISE)
def test_the_interval_covers_the_truth_and_the_naive_one_does_not_always(kind):
    rng = np.random.default_rng(11)
    covered, naive, unseen = [], [], []
    for _ in range(REPETITIONS):
        truth, winner, fresh, claim = confirmed(kind, rng)
        found = Noise.of(fresh).interval(winner, 0.9, among=4)
        covered.append(found.low <= truth[winner] <= found.high)
        values = list(fresh[winner].values())
        half = stdtrit(len(values) - 1, 0.95) * np.std(values, ddof=1) / math.sqrt(len(values))
        low, high = np.mean(values) - half, np.mean(values) + half
        naive.append(low <= truth[winner] <= high)
        of_claim = unseen_mean(claim, [r for i, r in enumerate(fresh) if i != winner], 0.9)
        unseen.append(of_claim.low <= truth[winner] <= of_claim.high)
    assert np.mean(covered) >= 0.9 + 1.645 * math.sqrt(0.09 / REPETITIONS)  # it is chosen to be careful
    assert np.mean(unseen) >= 0.88
    assert np.mean(naive) < np.mean(covered)


@pytest.mark.slow
def test_the_value_is_nearer_the_truth_than_the_mean_and_p_best_is_what_it_says():
    rng = np.random.default_rng(5)
    of_value, of_mean, said, true = [], [], [], []
    for _ in range(400):
        truth, winner, fresh, _ = confirmed("gaussian", rng)
        noise = Noise.of(fresh)
        posterior = Posterior.of(fresh, rng)
        of_value.append(posterior.means[winner] - truth[winner])
        of_mean.append(noise.means[winner] - truth[winner])
        said.append(posterior.best[winner])
        true.append(truth[winner] == truth.min())
    assert abs(np.mean(of_value)) < 0.05 < abs(np.mean(of_mean))
    assert np.mean(np.square(of_value)) < np.mean(np.square(of_mean))
    assert abs(np.mean(said) - np.mean(true)) < 0.08
