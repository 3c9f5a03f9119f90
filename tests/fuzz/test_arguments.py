"""Hostile arguments: accepted, and read back equal, or an error of rung that says what is wrong."""

from __future__ import annotations

import functools
import itertools
import json
import operator

import numpy as np
import pytest
from fuzz import corpus
from fuzz.limits import limited, some
from hypothesis import given
from hypothesis import strategies as st

import rung
from rung.errors import Error
from rung.space import Space
from rung.storage import MemoryStorage
from rung.study.metrics import Goals
from rung.study.state import StudyState

SLOW = pytest.mark.slow
SPACE = {"x": rung.Float(0, 1), "n": rung.Int(1, 4), "k": rung.Categorical(["a", 2, None, (1, "b")])}
OPTIONS = (
    "metric", "mode", "n_trials", "timeout", "n_workers", "searcher", "scheduler", "max_resource", "resource",
    "initial_configs", "constraints", "report_only", "seed", "keep_checkpoints", "retries", "max_failures", "name",
    "durability",
)  # fmt: skip
SIMULATED = (
    "metric", "mode", "n_trials", "timeout", "n_workers", "searcher", "scheduler", "max_resource",
    "initial_configs", "constraints", "seed", "stragglers", "failures", "max_failures", "curve",
)  # fmt: skip


def refused(act) -> bool:
    """Whether `act` raised an error of rung, whose message is short enough to read."""
    try:
        with limited():
            act()
    except Error as refusal:
        message = str(refusal)
    else:
        return False
    assert 0 < len(message) < 3000
    return True


def both(check, *given_: st.SearchStrategy, few: int, many: int):
    """The same property as a quick test and as a slow one."""
    quick = some(few)(given(*given_)(check))
    slow = SLOW(some(many)(given(*given_)(check)))
    return quick, slow


# ---- spaces


def stored_domain():
    kinds = st.sampled_from(["float", "int", "categorical", "ordinal", "constant", "scipy.stats", "x", None])
    words = st.sampled_from(
        [
            "low",
            "high",
            "log",
            "step",
            "points",
            "choices",
            "value",
            "when",
            "condition",
            "name",
            "args",
            "kwds",
            "_index",
        ]
    )
    free = st.builds(
        lambda kind, rest: {"type": kind, **rest}, kinds, st.dictionaries(words, corpus.json, max_size=4)
    )
    numbers = st.one_of(st.integers(), st.floats(), st.integers(-3, 3))
    ranged = st.builds(
        lambda kind, low, high, log: {"type": kind, "low": low, "high": high, "log": log},
        st.sampled_from(["float", "int"]), numbers, numbers, st.booleans(),
    )  # fmt: skip
    law = st.builds(
        lambda name, args: {"type": "scipy.stats", "name": name, "args": args, "kwds": {}},
        st.sampled_from(
            ["norm", "uniform", "loguniform", "randint", "poisson", "zipf", "_norm", "os", "beta"]
        ),
        st.lists(numbers, max_size=3),
    )
    chosen = st.builds(lambda c: {"type": "categorical", "choices": c}, st.lists(corpus.scalars, max_size=4))
    return st.one_of(free, ranged, law, chosen)


def stored_condition():
    one = st.builds(
        lambda n, op, v: {"param": n, "op": op, "value": v},
        st.one_of(st.sampled_from(["a", "b"]), corpus.json), st.sampled_from(["<", "==", "in", "!=", ">=", "is"]), corpus.json,
    )  # fmt: skip
    return st.one_of(
        st.recursive(one, lambda c: st.builds(lambda a, b: {"or": [a, b]}, c, c), max_leaves=4), corpus.json
    )


def stored_space():
    pair = st.builds(
        lambda name, domain, when: [name, {**domain, "when": when} if when else domain],
        st.one_of(st.sampled_from(["a", "b"]), corpus.names), stored_domain(), st.one_of(st.none(), stored_condition()),
    )  # fmt: skip
    whole = st.builds(
        lambda domains, forbid: {"domains": domains, "forbid": forbid},
        st.lists(pair, max_size=3), st.lists(stored_condition(), max_size=1),
    )  # fmt: skip
    return st.one_of(whole, corpus.json)


def space_from_json(data):
    def read():
        space = Space.from_json(data)
        again = Space.from_json(json.loads(json.dumps(space.to_json())))
        assert again == space
        assert repr(again) == repr(space)

    refused(read)


test_space_json, test_space_json_slow = both(space_from_json, stored_space(), few=60, many=600)


def space_of_a_dict(name, value):
    def make():
        space = Space({name: value, "y": rung.Float(0, 1)})
        assert Space.from_json(json.loads(json.dumps(space.to_json()))) == space

    refused(make)


test_dict_spaces, test_dict_spaces_slow = both(space_of_a_dict, corpus.names, corpus.values, few=60, many=250)


def domain_of_anything(kind, low, high, other):
    refused(
        lambda: (
            Space({"x": kind(low, high, other)}) if kind is not rung.Categorical else Space({"x": kind(low)})
        )
    )


test_domains, test_domains_slow = both(
    domain_of_anything, st.sampled_from([rung.Float, rung.Int, rung.Categorical]),
    corpus.values, corpus.values, corpus.values, few=60, many=250,
)  # fmt: skip


def test_what_is_nested_too_deep_or_never_ends_is_refused():
    stored = {"param": "x", "op": "==", "value": 1}
    for _ in range(3000):
        stored = {"and": [stored, {"param": "x", "op": "==", "value": 1}]}
    domains = [["h0", {"type": "int", "low": 0, "high": 3}]] + [
        [
            f"h{i}",
            {"type": "int", "low": 0, "high": 3, "when": {"param": f"h{i - 1}", "op": "==", "value": 1}},
        ]
        for i in range(1, 2000)
    ]
    wrong = [
        lambda: Space({"x": rung.Categorical(itertools.count())}),
        lambda: Space({"x": rung.Categorical(range(10**12))}),
        lambda: Space({"x": rung.Categorical([corpus.deep(3000)])}),
        lambda: Space.from_json(
            {"domains": [["x", {"type": "int", "low": 0, "high": 3, "when": stored}]], "forbid": []}
        ),
        lambda: Space.from_json({"domains": domains[::-1], "forbid": []}),
        lambda: Space.from_json({"domains": [domains[0], domains[0]], "forbid": []}),
    ]
    assert all(map(refused, wrong))
    with pytest.raises(Error, match=r"use isin"):
        functools.reduce(operator.or_, [rung.param("x") == 1] * 3000)


def test_a_space_of_thousands_can_be_gone_through():
    space = Space({f"c{i}": i for i in range(3000)})
    assert len(list(space.configs())) == 1


LAWS = [
    "studentized_range",
    "ksone",
    "irwinhall",
    "zipf",
    "zipfian",
    "skellam",
    "betanbinom",
    "gausshyper",
    "poisson",
]


@pytest.mark.parametrize("name", LAWS)
def test_laws_that_take_for_ever_are_refused(name):
    from scipy import stats

    args = [1.0001 if name in {"zipf", "studentized_range"} else 1e300 if name == "poisson" else 10**6]
    data = {"type": "scipy.stats", "name": name, "args": args * vars(stats)[name].numargs, "kwds": {}}
    assert refused(lambda: Space.from_json({"domains": [["x", data]], "forbid": []}))


# ---- configurations


def config_of_anything(config):
    space = Space(SPACE)

    def read():
        valid = space.validate(config)
        assert space.config_from_json(json.loads(json.dumps(space.config_to_json(valid)))) == valid

    refused(read)
    refused(lambda: space.config_from_json(config))


configs = st.one_of(
    corpus.values,
    st.fixed_dictionaries({"x": corpus.values, "n": corpus.values, "k": corpus.values}),
    st.fixed_dictionaries({"x": st.just(0.5), "n": st.just(2), "k": corpus.values}),
)
test_configs, test_configs_slow = both(config_of_anything, configs, few=60, many=400)


# ---- goals, and all arguments of a study


def goals_of_anything(metric, mode, constraints, report_only):
    def make():
        goals = Goals.of(metric, mode, constraints, report_only)
        assert Goals.from_json(json.loads(json.dumps(goals.to_json()))) == goals

    refused(make)


modes = st.one_of(st.sampled_from(["min", "max"]), corpus.values)
bounds = st.one_of(st.none(), corpus.values, st.dictionaries(corpus.names, corpus.values, max_size=2))
metrics = st.one_of(corpus.names, corpus.values, st.dictionaries(corpus.names, modes, max_size=2))
test_goals, test_goals_slow = both(
    goals_of_anything, metrics, modes, bounds, st.one_of(corpus.values, st.lists(corpus.names, max_size=2)),
    few=60, many=250,
)  # fmt: skip


def study_of_anything(option, value):
    options = {"n_trials": 1, "seed": 0, "metric": "value", "searcher": "random", option: value}
    storage = MemoryStorage()

    def run():
        study = rung.tune(
            lambda config, trial: dict.fromkeys(study_metrics(options["metric"]), 1.0), SPACE, storage=storage,
            progress=False, **{**options, "n_workers": options.get("n_workers", 1)},
        )  # fmt: skip
        replayed = StudyState.replay(storage.read(study.name))
        assert replayed.digest() == study.state.digest()

    if option in {"n_workers", "n_trials"} and is_many(value):
        return  # as many processes or trials would be started
    refused(run)


def is_many(value: object) -> bool:
    return isinstance(value, int | np.integer) and 1 < value < 2**63


def study_metrics(metric):
    return [metric] if isinstance(metric, str) else list(metric)


test_tune, test_tune_slow = both(study_of_anything, st.sampled_from(OPTIONS), corpus.values, few=60, many=300)


def simulation_of_anything(option, value):
    options = {
        "max_resource": 2,
        "n_trials": 2,
        "seed": 0,
        "curve": lambda c, e: ({"value": 1.0}, 1.0),
        option: value,
    }
    if (option in {"n_trials", "max_resource"} and is_many(value)) or (option == "curve" and callable(value)):
        return  # that many are run; a function that can't be called so is the caller's own affair
    refused(lambda: rung.simulate(SPACE, **options))


test_simulate, test_simulate_slow = both(
    simulation_of_anything, st.sampled_from(SIMULATED), corpus.values, few=60, many=250
)


@pytest.mark.parametrize(
    "point", [None, 1.0, (1, 2), ({"value": 1.0}, -1), ({"value": 1.0}, "x"), ({"value": "x"}, 1)]
)
def test_a_curve_that_gives_nonsense(point):
    assert refused(lambda: rung.simulate(SPACE, lambda config, epoch: point, max_resource=2, n_trials=2))


def ask_and_tell(epoch, name, value, told):
    study = rung.Study(SPACE, storage=(storage := MemoryStorage()), name="s", seed=0)
    trial = study.ask()
    refused(lambda: study.report(trial, epoch=epoch, **{"value": 1.0, name: value}))
    refused(lambda: study.tell(trial, told))
    refused(lambda: study.ask(told))
    for act in (study.tell, study.fail, study.report):
        assert refused(lambda act=act: act(told) if act != study.fail else act(told, "why"))
    study.close()
    assert StudyState.replay(storage.read("s")).digest() == study.state.digest()


keywords = corpus.names.filter(lambda name: name not in {"trial", "epoch", "self"})
test_tell, test_tell_slow = both(
    ask_and_tell, corpus.values, keywords, corpus.values, corpus.values, few=40, many=150
)


# ---- names and places of studies


def named_study(tmp_path_factory):
    root = tmp_path_factory.mktemp("names")

    def check(name):
        if name is None:
            return  # one is made up
        inside = root / "studies"

        def make():
            rung.Study(SPACE, name=name, storage=str(inside), durability="process").close()
            assert rung.Study.load(name, storage=str(inside)).name == name

        refused(make)
        assert {path.name for path in root.iterdir()} <= {"studies"}

    return check


@pytest.mark.parametrize("many", [25, pytest.param(100, marks=SLOW)])
def test_study_names_lead_nowhere_else(tmp_path_factory, many):
    check = named_study(tmp_path_factory)
    for name in corpus.NAMES:
        check(name)
    some(many)(given(corpus.values)(check))()


@pytest.mark.parametrize(
    "place", [5, [], object(), b"x", "a\0b", "\ud800", "x" * 5000, "~nobody-at-all/x", "a://b"]
)
def test_places_that_are_none(place):
    assert refused(lambda: rung.Study(SPACE, name="s", storage=place))
    assert refused(lambda: rung.Study.load("s", storage=place))
