"""What holds for every space: hypothesis builds them, with chains of conditions and forbidden pairs."""

import itertools
import json
import math

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from rung.errors import SpaceError
from rung.space import Categorical, Constant, Float, Int, Ordinal, Space, param

SETTINGS = settings(max_examples=25, deadline=None)

FINITE = st.one_of(
    st.builds(lambda low, n: Int(low, low + n), st.integers(-5, 5), st.integers(1, 4)),
    st.builds(lambda low, n: Int(low, low + n, log=True), st.integers(1, 5), st.integers(1, 4)),
    st.builds(lambda n, step: Int(0, n * step, step=step), st.integers(1, 3), st.integers(1, 3)),
    st.builds(
        lambda low, n, step: Float(low, round(low + n * step, 3), step=step),
        st.sampled_from([-1, 0, 0.3]),
        st.integers(1, 4),
        st.sampled_from([0.1, 0.25, 0.003, 2]),
    ),
    st.sampled_from([Categorical(["a", "b", "c"]), Categorical([None, True, 2, 0.5, "x", (1, ("y",))])]),
    st.sampled_from([Ordinal(["small", "medium", "large"]), Ordinal([0.1])]),
    st.sampled_from([Constant("sgd"), 3, None]),
    st.sampled_from([stats.randint(2, 6), stats.binom(3, 0.4)]),
)
INFINITE = st.one_of(
    st.sampled_from([Float(-1, 1), Float(1e-6, 1e-1, log=True), Float(1e-300, 1e300, log=True)]),
    st.sampled_from([stats.loguniform(1e-4, 1), stats.norm(0, 2), stats.poisson(3), stats.uniform(2, 3)]),
)


def conditions(name, domain):
    """A condition on `name` that makes sense for its domain."""
    values = list(domain.lattice()) if domain.size else [domain.decode(0.3), domain.decode(0.6)]
    value = st.sampled_from(values)
    equal = st.builds(lambda v: param(name) == v, value)
    some = st.builds(lambda v, w: param(name).isin([v, w]), value, value)
    other = st.builds(lambda v: param(name) != v, value)
    if isinstance(domain, Ordinal) or all(type(v) in (int, float) for v in values):
        return st.one_of(equal, some, other, st.builds(lambda v: param(name) >= v, value))
    return st.one_of(equal, some, other)


@st.composite
def spaces(draw, kinds=FINITE):
    domains = {}
    for i in range(draw(st.integers(1, 5))):
        (domain,) = Space({"x": draw(kinds)})._domains.values()
        if domains and draw(st.booleans()):
            earlier = st.sampled_from(sorted(domains)).flatmap(lambda n: conditions(n, domains[n]))
            condition = draw(earlier)
            for _ in range(draw(st.integers(0, 1))):
                join = draw(st.sampled_from(["__and__", "__or__"]))
                condition = getattr(condition, join)(draw(earlier))
            domain = domain.when(condition)
        domains[f"h{i}"] = domain
    names = draw(st.permutations(sorted(domains)))
    forbid = draw(st.lists(st.sampled_from(names).flatmap(lambda n: conditions(n, domains[n])), max_size=1))
    domains = {name: domains[name] for name in names}
    try:
        return Space(domains, forbid=forbid)
    except SpaceError:  # everything forbidden
        return Space(domains)


SEEDS = st.integers(0, 2**32)
MIXED = spaces(st.one_of(FINITE, INFINITE))


def samples(space, seed, n=8):
    rng = np.random.default_rng(seed)
    return [space.sample(rng) for _ in range(n)]


@SETTINGS
@given(MIXED, SEEDS)
def test_a_sample_is_valid_and_canonical(space, seed):
    for config in samples(space, seed):
        assert space.validate(config) == config
        assert list(config) == [name for name in space.names if name in config]
        assert space.allows(config)


@SETTINGS
@given(MIXED, SEEDS)
def test_a_sample_is_a_function_of_the_generator(space, seed):
    assert samples(space, seed) == samples(space, seed)


@SETTINGS
@given(MIXED, SEEDS)
def test_encode_stays_in_the_cube_and_marks_the_inactive(space, seed):
    configs = samples(space, seed)
    points = space.encode(configs)
    assert points.shape == (len(configs), len(space))
    inactive = np.isnan(points)
    assert ((points >= 0) & (points <= 1) | inactive).all()
    assert [[name not in config for name in space] for config in configs] == inactive.tolist()


@SETTINGS
@given(MIXED, SEEDS)
def test_decode_undoes_encode(space, seed):
    configs = samples(space, seed)
    for config, back in zip(configs, space.decode(space.encode(configs)), strict=True):
        assert list(back) == list(config)
        for name, value in config.items():
            if type(value) is float and space[name].size is None:
                np.testing.assert_allclose(back[name], value, rtol=1e-9, atol=1e-9)
            else:
                assert back[name] == value
                assert type(back[name]) is type(value)


@SETTINGS
@given(MIXED, SEEDS)
def test_decode_makes_valid_configs_of_any_point(space, seed):
    points = np.random.default_rng(seed).integers(0, 2, (6, len(space))) * (1 + 2e-12) - 1e-12
    for config in space.decode(points):
        if space.allows(config):
            assert space.validate(config) == config


@SETTINGS
@given(MIXED)
def test_json_round_trip(space):
    back = Space.from_json(json.loads(json.dumps(space.to_json())))
    assert back == space
    assert hash(back) == hash(space)
    assert repr(back) == repr(space)
    assert space.diff(back) == ""
    assert samples(back, 1) == samples(space, 1)


@SETTINGS
@given(MIXED, SEEDS)
def test_configs_survive_json_and_keys_tell_them_apart(space, seed):
    configs = samples(space, seed)
    for config in configs:
        assert space.config_from_json(json.loads(json.dumps(space.config_to_json(config)))) == config
    for a, b in itertools.combinations(configs, 2):
        assert (space.key(a) == space.key(b)) == (a == b)


@SETTINGS
@given(MIXED, SEEDS)
def test_neighbours_are_valid_distinct_and_differ_by_one_choice(space, seed):
    (config,) = samples(space, seed, 1)
    near = space.neighbours(config, np.random.default_rng(seed), 5)
    assert len(near) <= 5
    assert len({space.key(other) for other in near}) == len(near)
    for other in near:
        assert space.validate(other) == other
        assert other != config
        changed = [name for name in config if name in other and other[name] != config[name]]
        assert len(changed) == 1


@settings(SETTINGS, max_examples=20)
@given(spaces())
def test_configs_are_all_valid_configs_once(space):
    configs = list(space.configs())
    keys = {space.key(config) for config in configs}
    assert len(configs) == len(keys) == space.size
    for config in configs[:50]:
        assert space.validate(config) == config
    for config in samples(space, 0, 50):
        assert space.key(config) in keys


@settings(SETTINGS, max_examples=20)
@given(spaces())
def test_size_is_what_going_through_the_product_counts(space):
    places = [space[name].encode(space[name].lattice()) for name in space.names]
    assume(math.prod(map(len, places)) <= 500)
    points = np.array(list(itertools.product(*places)))
    assert len({space.key(config) for config in space.decode(points) if space.allows(config)}) == space.size


@SETTINGS
@given(MIXED, SEEDS)
def test_snap_is_encode_of_decode(space, seed):
    points = np.random.default_rng(seed).random((8, len(space)))
    np.testing.assert_allclose(space.snap(points), space.encode(space.decode(points)), rtol=0, atol=1e-12)


def test_snap_takes_the_ends_of_the_cube():
    space = Space({"x": Float(1e-3, 1, log=True), "n": Int(1, 100, log=True), "k": Int(0, 8, step=4)})
    ends = np.array([[0.0] * 3, [1.0] * 3])
    assert space.decode(space.snap(ends)) == [{"x": 1e-3, "n": 1, "k": 0}, {"x": 1.0, "n": 100, "k": 8}]
