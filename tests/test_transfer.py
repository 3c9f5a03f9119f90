"""Earlier studies to learn from: what is taken of them, what it is worth, and that it is never asked for twice."""

from __future__ import annotations

import json
import logging
import shutil

import numpy as np
import pytest
from cli.commands import rung_here

import rung
from rung.cli.configs import read_configs
from rung.errors import ArgumentError, ConfigError, StudyCorrupt, StudyNotFound
from rung.searchers import GP, SEARCHERS
from rung.searchers.earlier import greedy
from rung.storage import MemoryStorage
from rung.study import snapshot
from rung.study.events import EarlierStudyRead, TrialCreated
from rung.study.history import History
from rung.study.state import StudyState
from rung.testing import check_decisions, check_log

SPACE = {"x": rung.Float(0, 1), "rate": rung.Float(1e-3, 1, log=True), "kind": rung.Categorical(["a", "b"])}


def loss(config, x=0.6, rate=-1.0, sign=1.0):
    penalty = 0.5 if config.get("kind") == "b" else 0.0
    rate_loss = (np.log10(config["rate"]) - rate) ** 2 if "rate" in config else 0.0
    return sign * ((config["x"] - x) ** 2 + 0.1 * rate_loss + penalty)


def earlier(name="old", storage=":memory:", objective=loss, space=SPACE, n_trials=25, **options):
    options = {"searcher": "random", "seed": 3, "progress": False, "durability": "process", **options}
    return rung.tune(objective, space, n_trials=n_trials, name=name, storage=storage, **options)


@pytest.fixture(scope="module")
def old():
    return earlier()


def new(storage=":memory:", objective=loss, space=SPACE, n_trials=5, **options):
    options = {
        "searcher": "gp",
        "seed": 0,
        "name": "new",
        "progress": False,
        "durability": "process",
        **options,
    }
    return rung.tune(objective, space, n_trials=n_trials, storage=storage, **options)


def shape(study):
    return [(t.origin, t.config, t.value) for t in study.trials]


# ---- what it is worth


def test_the_first_trials_are_what_was_good_before(old):
    warm, cold = new(learn_from=[old], n_trials=4), new(n_trials=4)
    assert (warm.trials[0].origin, warm.trials[-1].origin) == ("portfolio", "transfer")
    assert warm.trials[0].value < 0.05
    assert warm.best_value < cold.best_value


@pytest.mark.parametrize("searcher", ["gp", "auto"])
def test_losses_on_another_scale_teach_the_same(old, searcher):
    scaled = earlier(objective=lambda c: 1e4 * loss(c) - 77)
    found = [new(learn_from=[source], n_trials=4, searcher=searcher).trials for source in (old, scaled)]
    for a, b in zip(*found, strict=True):
        assert a.config["x"] == pytest.approx(b.config["x"], abs=1e-3)


def test_a_study_of_higher_is_better_teaches_one(old):
    options = {"mode": "max", "objective": lambda c: -loss(c)}
    trials = new(learn_from=[earlier(**options)], n_trials=3, **options).trials
    same = new(learn_from=[old], n_trials=3).trials
    assert [t.config for t in trials] == [t.config for t in same]


def test_trials_that_failed_count_as_the_worst():
    def fails(config):
        if config["x"] < 0.5:
            raise RuntimeError("too small")
        return loss(config)

    source = earlier(objective=fails, max_failures=30)
    study = new(learn_from=[source], n_trials=3)
    assert "that failed count as its worst" in study.state.earlier[0].taken
    assert all(t.config["x"] >= 0.4 for t in study.trials)


def test_sources_that_mislead_lose_their_say(old):
    # Of a model that predicts the new losses worse than one without it, few suggestions are made.
    dealt = np.random.default_rng(1).permutation([t.value for t in old.trials])
    shares = {}
    for name, losses in {"same": [t.value for t in old.trials], "dealt": dealt}.items():
        source = rung.Study(SPACE, name=name, storage=":memory:")
        for trial, value in zip(old.trials, losses, strict=True):
            source.add(trial.config, value)
        study = rung.Study(SPACE, searcher="gp", seed=0, storage=":memory:", learn_from=[source])
        for n in range(12):
            config = study.space.sample(np.random.default_rng(n))
            study.add(config, loss(config))
        history = History(study.state)
        found = [GP().suggest(history, history.stream("a", i)) for i in range(8)]
        shares[name] = sum(suggestion.origin == "transfer" for suggestion in found)
    assert shares["same"] > 5 > shares["dealt"]


# ---- what is taken


def taken(study):
    return [event.taken for event in study.state.earlier]


def test_spaces_are_matched_by_name(old):
    space = {
        "x": rung.Float(0.5, 2),
        "momentum": rung.Float(0, 0.8),
        "rate": rung.Float(1e-3, 1, log=True),
        "depth": rung.Int(1, 9).when(rung.param("momentum") > 0.7),
    }
    study = new(space=space, learn_from=[(old, {"depth": 2})], n_trials=1)
    n = sum(t.config["x"] < 0.5 for t in old.trials)
    (said,) = taken(study)
    assert said == (
        f"25 of 25 trials of study 'old'; x clipped to 0.5 to 2 in {n}; x known from 0 to 1 only; "
        "momentum taken as 0.4; depth taken as 2; kind ignored"
    )
    (event,) = study.state.earlier
    configs = event.results["configs"]
    assert {c["momentum"] for c in configs} == {0.4}
    assert not any("depth" in c for c in configs)  # it is inactive there
    assert min(c["x"] for c in configs) == 0.5


def test_choices_that_are_gone_are_left_out(old):
    space = {**SPACE, "kind": rung.Categorical(["a", "c"])}
    study = new(space=space, learn_from=[old], n_trials=1)
    gone = sum(t.config["kind"] == "b" for t in old.trials)
    assert taken(study) == [f"{25 - gone} of 25 trials of study 'old'; {gone} are not in this space"]


def test_it_is_said_at_the_start_and_in_status(tmp_path, caplog):
    earlier(storage=tmp_path, n_trials=5)
    with caplog.at_level(logging.INFO, logger="rung"):
        new(tmp_path, n_trials=1, learn_from=["old"])
    assert "study 'new' learns from 5 of 5 trials of study 'old'" in caplog.text
    shown = rung_here("status", "new", "--storage", str(tmp_path), cwd=tmp_path)
    assert "learns   from 5 of 5 trials of study 'old'" in shown.stdout


def test_a_study_a_name_and_folders_will_do(tmp_path, caplog):
    study = earlier(storage=tmp_path, n_trials=5)
    earlier(storage=tmp_path, name="older", n_trials=5)
    earlier(
        storage=tmp_path, name="other", n_trials=5, metric="accuracy", objective=lambda c: {"accuracy": 1.0}
    )
    for given, expected in [
        (study, ["old"]), ("old", ["old"]), (study.folder, ["old"]), (str(tmp_path), ["old", "older"]),
    ]:  # fmt: skip
        found = new(":memory:" if given != "old" else tmp_path, n_trials=1, learn_from=[given])
        assert taken(found) == [f"5 of 5 trials of study {name!r}" for name in expected]
    assert "study 'other' tunes accuracy (min), not value (min)" in caplog.text


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"metric": "error"}, ArgumentError, r"tunes value \(min\), not error \(min\)"),
        ({"mode": "max"}, ArgumentError, r"tunes value \(min\), not value \(max\)"),
        ({"space": {"z": rung.Float(0, 1)}}, ArgumentError, "no hyperparameter in common"),
        ({"learn_from": "old"}, ArgumentError, r"learn_from='old'; give a list"),
        ({"learn_from": [3]}, ArgumentError, r"learn_from\[0\]=3; give a study, its name or its folder"),
        ({"learn_from": ["none"], "storage": MemoryStorage()}, StudyNotFound, "none"),
        ({"values": {"x": 0.5}}, ArgumentError, "a value is given for 'x', but its trials have values of it"),
        ({"values": {"y": 0.5}}, ArgumentError, "a value is given for 'y', but it is not in the space"),
        ({"name": "old"}, ArgumentError, "is the study itself"),
        ({"constraints": {"mb": "<= 2"}}, ArgumentError, "one objective and no constraints"),
    ],
)
def test_what_can_not_be_learned_from_is_an_error_before_anything_exists(old, options, error, message):
    options = {"learn_from": [(old, options.pop("values"))] if "values" in options else [old], **options}
    with pytest.raises(error, match=message):
        new(**options)


def test_too_few_trials_are_an_error(old):
    with pytest.raises(ArgumentError, match="has 2 trials to learn from, which are too few"):
        new(learn_from=[earlier(n_trials=2)])


@pytest.mark.parametrize("name", sorted(set(SEARCHERS) - {"gp", "auto", "grid"}))
def test_searchers_that_do_not_learn_say_so(old, name):
    pytest.importorskip("cmaes") if name == "cmaes" else None
    space = {"x": SPACE["x"], "rate": SPACE["rate"]}
    with pytest.raises(ArgumentError, match=f"searcher '{name}' does not learn from earlier studies"):
        new(space=space, learn_from=[old], searcher=name)


# ---- the log


def test_a_study_goes_on_though_its_source_is_gone(tmp_path):
    source = earlier(storage=tmp_path, n_trials=10)
    whole = new(tmp_path, name="whole", n_trials=6, learn_from=["old"])
    new(tmp_path, name="cut", n_trials=3, learn_from=["old"])
    shutil.rmtree(source.folder)
    cut = new(tmp_path, name="cut", n_trials=6, learn_from=["old"])
    assert shape(cut) == shape(whole)
    events = list(cut.events())
    assert sum(isinstance(event, EarlierStudyRead) for event in events) == 1
    check_log(events, n_trials=6, capacity=1)
    check_decisions(events, cut.settings.scheduler)
    state = StudyState.replay(events)
    piece = snapshot.piece(state, snapshot.Mark(), range(6), events[-1], "")
    assert snapshot.restore(events[0], [(piece, 0)]).state.earlier == state.earlier


def test_a_study_with_trials_reads_no_other(tmp_path, caplog, old):
    new(tmp_path, n_trials=1)
    study = new(tmp_path, n_trials=2, learn_from=[old])
    assert not study.state.earlier
    assert "learns from what it was given before its first trial: 'old' is not read" in caplog.text


def test_ask_and_tell_and_simulate_learn_too(old):
    study = rung.Study(SPACE, searcher="gp", seed=0, storage=":memory:", learn_from=[old])
    trial = study.ask()
    assert (taken(study), study.trials[0].origin) == (["25 of 25 trials of study 'old'"], "portfolio")
    study.tell(trial, 1.0)
    simulated = rung.simulate(
        SPACE, lambda config, epoch: ({"value": loss(config)}, 1.0), max_resource=1, scheduler="fifo",
        searcher="gp", n_trials=6, n_workers=3, seed=0, learn_from=[old],
    )  # fmt: skip
    assert simulated.trials[0].config == study.trials[0].config
    assert len({str(t.config) for t in simulated.trials}) == 6
    state = None
    for event in simulated.events():  # each suggestion is a function of the log before it
        if isinstance(event, TrialCreated):
            history = History(state)
            config = GP().suggest(history, history.stream("suggest", event.trial))
            assert state.space.config_to_json(config) == event.config
        state = StudyState(event) if state is None else state
        state.apply(event) if event is not state.created else None


def test_a_log_that_reads_a_study_after_a_trial_is_refused(old):
    study = new(learn_from=[old], n_trials=1)
    events = list(study.events())
    (read,) = (event for event in events if isinstance(event, EarlierStudyRead))
    at = next(i for i, event in enumerate(events) if isinstance(event, TrialCreated)) + 1
    with pytest.raises(StudyCorrupt, match="is read after 1 trials"):
        StudyState.replay([*events[:at], read, *events[at:]])


# ---- portfolios


def test_a_portfolio_serves_each_study_before_it_serves_one_better():
    studies = [earlier(name=f"s{x}", objective=lambda c, x=x: 100 * loss(c, x=x)) for x in (0.0, 0.1, 1.0)]
    first, second, *_ = rung.portfolio(studies, n=8)
    assert first["x"] < 0.5 < second["x"]
    assert rung.portfolio(studies, n=1) == [first]
    tried = [t.config for study in studies for t in study.trials]
    assert first in tried


def test_what_adds_nothing_is_left_out():
    losses = np.array([[0.0, 1.0, 0.5], [1.0, 0.0, 0.5]])
    assert greedy(losses, 8) == [0, 1]
    assert greedy(np.array([[3.0, 1.0, 2.0]]), 8) == [1]


@pytest.mark.parametrize("form", ["json", "toml"])
def test_the_command_line_reads_what_it_writes(tmp_path, form):
    space = {
        "x": rung.Float(0, 1),
        'a "b"': rung.Categorical([(1, 2), (3,), True, 'é\n"']),
        "n": rung.Int(1, 3),
    }
    study = earlier(storage=tmp_path, space=space, n_trials=12)
    done = rung_here("portfolio", "old", "-n", "3", f"--{form}", "--storage", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    file = tmp_path / f"good.{form}"
    file.write_text(done.stdout)
    found = [study.space.validate(config) for config in read_configs(file)]
    assert found == rung.portfolio([study], n=3)
    (tmp_path / "job.py").write_text(
        "import rung\nspace = {'x': rung.Float(0, 1), 'n': rung.Int(1, 3)}\n"
        "def objective(x, n):\n    return x\n"
    )
    file.write_text(json.dumps([{"x": 0.5, "n": 2}]) if form == "json" else "[[configs]]\nx = 0.5\nn = 2\n")
    done = rung_here(
        "run", "job.py", "--quiet", "--n-trials", "1", "--initial-configs", file.name, cwd=tmp_path
    )
    assert "trial 0 of 1" in done.stdout, done.stderr
    assert rung.Study.load("job", storage=tmp_path / "rung_studies").trials[0].origin == "initial"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "[]", "whose name ends in .toml or .json"),
        ("a.json", "{", "is not JSON"),
        ("a.json", '{"x": 0.5}', "give a list of configurations"),
        ("none.json", None, "No such file"),
    ],
)
def test_a_wrong_file_of_configurations_says_what_to_give(tmp_path, name, text, message):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_configs(tmp_path / name)


def test_wrong_arguments_of_a_portfolio(old):
    with pytest.raises(ArgumentError, match="give a list of studies"):
        rung.portfolio("old")
    with pytest.raises(ArgumentError, match="n=0"):
        rung.portfolio([old], n=0)
    with pytest.raises(ArgumentError, match=r"studies=\[\]; give at least one"):
        rung.portfolio([])
    other = earlier(metric="error", objective=lambda c: {"error": 1.0})
    with pytest.raises(ArgumentError, match=r"tunes error \(min\), not value \(min\)"):
        rung.portfolio([old, other])
