from collections import Counter

from scipy import stats

from rung.searchers import Random
from rung.space import Float, Int, Space


def test_the_draws_follow_the_space(lab):
    configs = lab({"lr": Float(1e-4, 1, log=True)}).run(Random(), 500)
    assert stats.kstest([c["lr"] for c in configs], stats.loguniform(1e-4, 1).cdf).pvalue > 0.01


def test_the_last_ones_left_are_equally_likely(lab):
    study = lab({"x": Int(1, 400)})
    for x in range(1, 398):
        study.add({"x": x})
    counts = Counter(study.ask(Random())["x"] for study.state.seed in range(300))
    assert set(counts) == {398, 399, 400}
    assert stats.chisquare(list(counts.values())).pvalue > 0.01


def test_a_lopsided_law_does_not_keep_it_from_the_rest(lab):
    space = Space({"x": stats.binom(20, 0.001)})
    assert len(lab(space).run(Random(), 100)) == 21
