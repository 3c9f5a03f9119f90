"""A study to look at: the same answers as the one that ran, kept up to date, and nothing that runs a trial."""

from __future__ import annotations

import subprocess
import sys

import pytest

import rung
from rung.errors import NoTrialError, StorageError, StudyInUse, StudyNotFound
from rung.storage import MemoryStorage

SPACE = {"x": rung.Float(0, 1)}


@pytest.fixture(params=["memory", "sqlite"])
def place(request, tmp_path):
    return MemoryStorage() if request.param == "memory" else str(tmp_path / "studies")


def tune(place, n_trials=3, name="s", **options):
    return rung.tune(
        lambda config, trial: {"value": config["x"], "test": float(trial.number)}, SPACE, n_trials=n_trials,
        searcher="random", report_only=["test"], storage=place, name=name, progress=False, **options,
    )  # fmt: skip


def test_both_ways_to_load_give_a_view_that_answers_like_the_study(place):
    study = tune(place, seed=7, max_resource=9)
    for view in (rung.Study.load("s", storage=place), rung.StudyView.load(storage=place)):
        assert type(view) is rung.StudyView
        assert isinstance(study, rung.StudyView)
        for name in (
            "name",
            "folder",
            "space",
            "goals",
            "seed",
            "max_resource",
            "best_config",
            "best_value",
            "recommended",
        ):
            assert getattr(view, name) == getattr(study, name), name
        assert [t.config for t in view.trials] == [t.config for t in study.trials]
        assert view.state.digest() == study.state.digest()
        assert view.explain() == study.explain()
        assert view.to_dataframe().equals(study.to_dataframe())
        assert repr(view) == "<rung.StudyView 's': 3 completed>"
    with pytest.raises(StudyNotFound):
        rung.StudyView.load("t", storage=place)


@pytest.mark.parametrize("name", ["ask", "report", "tell", "fail", "drive", "close"])
def test_a_view_runs_nothing_and_says_how_to_go_on(place, name):
    tune(place)
    view = rung.StudyView.load("s", storage=place)
    with pytest.raises(
        AttributeError, match=rf"'s' was loaded to look at and has no {name}\(\); to go on .* name='s'"
    ):
        getattr(view, name)
    assert not hasattr(view, name)
    assert name not in dir(view)
    assert hasattr(rung.Study(SPACE, storage=":memory:"), name)
    with pytest.raises(AttributeError, match="'StudyView' object has no attribute 'asks'"):
        view.asks  # noqa: B018


def test_refresh_takes_in_what_others_added(place):
    study = rung.Study(SPACE, storage=place, name="s", searcher="random")
    view = rung.StudyView.load("s", storage=place)
    assert view.refresh() == 0
    with pytest.raises(NoTrialError):
        view.best_value  # noqa: B018
    for n in range(1, 4):
        trial = study.ask()
        assert view.refresh() > 0
        assert [t.status for t in view.trials] == ["completed"] * (n - 1) + ["running"]
        study.report(trial, epoch=1, value=float(n))
        study.tell(trial)
        assert view.refresh() > 0
        assert view.refresh() == 0
        assert len(view.trials) == n
    study.close()
    view.refresh()
    assert view.state.ended == "closed"
    assert view.state.digest() == rung.StudyView.load("s", storage=place).state.digest()
    assert view.best_value == 1.0


def test_refresh_across_processes(tmp_path):
    root = str(tmp_path)
    tune(root, n_trials=2)
    view = rung.StudyView.load("s", storage=root)
    code = (
        "import rung\n"
        "rung.tune(lambda config, trial: {'value': config['x'], 'test': 1.0}, {'x': rung.Float(0, 1)}, n_trials=5,"
        f" searcher='random', report_only=['test'], storage={root!r}, name='s', progress=False)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert len(view.trials) == 2
    before = view.state.events
    assert view.refresh() == len(list(view.events(after=before)))
    assert len(view.trials) == 5


@pytest.mark.parametrize("seed", [None, 0])
def test_a_study_made_again_under_the_name_is_read_from_its_beginning(tmp_path, seed):
    root = str(tmp_path)
    tune(root, n_trials=5, seed=seed)
    view = rung.StudyView.load("s", storage=root)
    done = subprocess.run(
        [sys.executable, "-m", "rung", "delete", "s", "--yes", "--storage", root],
        check=True,
        capture_output=True,
    )
    assert done.returncode == 0
    again = tune(root, n_trials=2, seed=seed)
    assert view.refresh() == again.state.events
    assert view.state.digest() == again.state.digest()
    assert view.refresh() == 0


def test_events_are_those_after_the_nth(place):
    tune(place)
    view = rung.StudyView.load("s", storage=place)
    events = list(view.events())
    assert len(events) == view.state.events
    assert [e.id for e in view.events(after=4)] == [e.id for e in events[4:]]
    assert list(view.events(after=len(events))) == []


def test_the_study_itself_is_refreshed_too(place):
    study = tune(place)
    assert study.refresh() == 0
    other = tune(place, n_trials=5)
    assert len(study.trials) == 3
    assert study.refresh() > 0
    assert len(study.trials) == 5
    assert study.state.digest() == other.state.digest()
    trial = other.ask(config={"x": 0.5})
    assert other.refresh() == 0
    other.tell(trial, {"value": 1.0, "test": 1.0})
    other.close()


def test_a_study_that_was_ahead_of_its_log_is_read_again():
    class Full(MemoryStorage):
        full = False

        def append(self, lease, events):
            if self.full:
                raise StorageError("no space left")
            return super().append(lease, events)

    study = rung.Study(SPACE, storage=(storage := Full()), name="s", searcher="random")
    study.tell(study.ask(), 1.0)
    storage.full = True
    with pytest.raises(StorageError):
        study.ask()
    study.close()
    assert len(study.trials) == 2  # the second never reached the log
    storage.full = False
    study.refresh()
    assert len(study.trials) == 1
    assert study.state.events == len(list(study.events()))
    assert study.refresh() == 0


def test_each_look_at_the_final_report_is_counted_by_all_who_look(place):
    study = tune(place)
    a, b = (rung.StudyView.load("s", storage=place) for _ in range(2))
    assert [a.final_report().looks, b.final_report().looks, study.final_report().looks] == [1, 2, 3]
    assert a.refresh() == 2
    assert a.state.looks == 3


def test_a_look_while_another_runs_the_study_is_refused(tmp_path):
    tune(str(tmp_path))
    running = rung.Study(
        SPACE, report_only=["test"], searcher="random", storage=str(tmp_path), name="s", n_trials=9
    )
    trial = running.ask()
    view = rung.StudyView.load("s", storage=str(tmp_path))
    with pytest.raises(StudyInUse):
        view.final_report()
    assert running.final_report().looks == 1
    running.tell(trial, {"value": 1.0, "test": 1.0})
    running.close()
    assert view.refresh() > 0
    assert view.final_report().looks == 2


def test_an_unbegun_study_does_not_know_its_searcher():
    storage = MemoryStorage()
    study = rung.Study(SPACE, storage=storage, name="s", searcher="sobol")
    assert study.explain() == "searcher: sobol\nscheduler: fifo"
    assert rung.StudyView.load("s", storage=storage).explain() == "searcher: unknown\nscheduler: unknown"


def test_a_view_is_taken_where_a_study_is():
    storage = MemoryStorage()
    whole = rung.simulate(SPACE, lambda config, epoch: ({"value": config["x"] / epoch}, 1.0), max_resource=3,
                          n_trials=4, scheduler="fifo", seed=1)  # fmt: skip
    again = rung.simulate(SPACE, whole, max_resource=3, seed=1)
    assert len(again.trials) == 4

    def task(seed):
        rung.tune(lambda config: config["x"], SPACE, n_trials=3, seed=seed, storage=storage, name=f"s{seed}",
                  searcher="random", progress=False)  # fmt: skip
        return rung.StudyView.load(f"s{seed}", storage=storage)

    assert rung.compare({"a": {}}, task, seeds=2).seeds == (0, 1)


def test_to_look_imports_no_algorithm():
    code = (
        "import sys, rung\n"
        "rung.StudyView\n"
        "found = {'numpy', 'scipy', 'matplotlib', 'rung.searchers', 'rung.schedulers', 'rung.engine'} & set(sys.modules)\n"
        "assert not found, found"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
