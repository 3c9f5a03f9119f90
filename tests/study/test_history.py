"""What algorithms see of a study."""

import math
from dataclasses import dataclass

import pytest

import rung
from rung.errors import StudyError
from rung.searchers import Random
from rung.space import Float, Space
from rung.study.events import SessionStarted, StudyCreated
from rung.study.history import History
from rung.study.metrics import Goals
from rung.study.state import StudyState


def history(**plan):
    space, goals = Space({"x": Float(0, 1)}).to_json(), Goals.of("y").to_json()
    state = StudyState(StudyCreated(id="study", t=0.0, space=space, goals=goals, seed=0))
    state.apply(SessionStarted(id="s1", t=0.0, epoch=1, wall=0.0, owner={}, plan=plan, versions={}))
    return History(state)


def test_a_cache_is_made_once_for_each_key_of_each_history():
    one, other = history(), history()
    made = [h.cached(key, lambda h: [h]) for h in (one, other) for key in ("a", "b", "a")]
    assert made[0] is made[2] and made[3] is made[5]
    assert len({id(cache) for cache in made}) == 4
    assert made[0] == [one] and made[3] == [other]


def test_nothing_is_as_good_a_cache_as_anything():
    made = []
    h = history()
    assert [h.cached("none", lambda _: made.append(1)) for _ in range(3)] == [None] * 3
    assert made == [1]


def test_the_full_resource_is_named_where_it_is_missing():
    assert history(max_resource=9).full_resource == 9
    with pytest.raises(StudyError, match="max_resource=None; give the epochs of a whole trial"):
        _ = history().full_resource


def test_the_losses_are_those_of_every_objective():
    seen = []

    @dataclass(frozen=True)
    class Looking(Random):
        def suggest(self, history, rng):
            seen.append(history.losses)
            return super().suggest(history, rng)

    def objective(config):
        n = len(seen)
        if n == 2:
            raise ValueError("on purpose")
        return {"error": n / 10, "accuracy": float(n)}

    rung.tune(
        objective, {"x": rung.Float(0, 1)}, metric={"error": "min", "accuracy": "max"}, searcher=Looking(),
        n_trials=4, seed=0, storage=":memory:", progress=False,
    )  # fmt: skip
    assert seen[0].shape == (0, 2)
    assert seen[3].tolist() == [[0.1, -1.0], [math.inf, math.inf], [0.3, -3.0]]
