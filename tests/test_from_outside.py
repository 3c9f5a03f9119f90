"""A searcher, a scheduler, an executor, a storage and a plot that rung does not know, as objects and by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
from cli.commands import rung_here

import rung
from rung.analysis.plots import PLOTS
from rung.execution.backends import EXECUTORS
from rung.execution.inline import Inline
from rung.schedulers import FIFO, SCHEDULERS
from rung.searchers import SEARCHERS, Searcher
from rung.storage import STORAGES, MemoryStorage

SPACE = {"x": rung.Float(0, 1)}
EXPERIMENT = """
import rung

metric, max_resource, n_trials = "error", 3, 4
space = {"x": rung.Float(0, 1)}


def objective(config, trial):
    for epoch in range(1, 4):
        trial.report(epoch=epoch, error=config["x"] + 1 / epoch)
"""


@dataclass(frozen=True)
class Halving(Searcher):
    """1, 1/2, 1/4, ..."""

    name: ClassVar[str] = "halving"
    base: int = 2

    def suggest(self, history, rng):
        return {"x": self.base ** -len(history.trials)}


@dataclass(frozen=True)
class OneEpoch(FIFO):
    """Stop every trial but the first after an epoch."""

    name: ClassVar[str] = "one-epoch"

    def judge(self, history, trial):
        return rung.Verdict.STOP if trial.number else rung.Verdict.CONTINUE


class Counting:
    """Runs trials in this process, and counts the studies."""

    name: ClassVar[str] = "counting"
    started: ClassVar[list[int]] = []

    def check(self, work):
        """Takes anything."""

    def reap(self, workers, *, ended):
        """Nothing outlives this process."""

    def start(self, work):
        self.started.append(work.n_workers)
        return Inline(work.objective, work.checkpoints)


class Shelf(MemoryStorage):
    """Keeps studies in this process, by the URL of their shelf."""

    shelves: ClassVar[dict[str, Shelf]] = {}

    @classmethod
    def open(cls, url, durability):
        """The shelf of that URL, the same at each call."""
        return cls.shelves.setdefault(url, cls())


def figure(state):
    """Each trial's metric."""
    from matplotlib.figure import Figure

    drawn = Figure()
    drawn.subplots().plot([trial.metrics["error"] for trial in state.trials])
    return drawn


@pytest.fixture
def registered(monkeypatch):
    """Puts the parts of this module into the registries."""
    for registry, name, part in (
        (SEARCHERS, "halving", Halving),
        (SCHEDULERS, "one-epoch", OneEpoch),
        (EXECUTORS, "counting", Counting),
        (STORAGES, "shelf", Shelf.open),
        (PLOTS, "errors", __name__),
    ):
        monkeypatch.setitem(registry, name, part)
    monkeypatch.setattr(Counting, "started", [])
    monkeypatch.setattr(Shelf, "shelves", {})


def train(config, trial):
    for epoch in range(1, 4):
        trial.report(epoch=epoch, error=config["x"] + 1 / epoch)


def check(study):
    assert [trial.config["x"] for trial in study.trials] == [1.0, 0.5, 0.25, 0.125]
    assert [len(trial.reports) for trial in study.trials] == [3, 1, 1, 1]
    plan = study.state.plan
    assert (plan["searcher"]["name"], plan["scheduler"]["name"]) == ("halving", "one-epoch")
    assert plan["executor"] == "counting"
    assert Counting.started == [1]


def test_as_objects(monkeypatch):
    monkeypatch.setattr(Counting, "started", [])
    study = rung.tune(
        train, SPACE, metric="error", searcher=Halving(), scheduler=OneEpoch(), executor=Counting(),
        n_trials=4, max_resource=3, storage=":memory:", progress=False,
    )  # fmt: skip
    check(study)


def test_by_name_in_python(registered):
    study = rung.tune(
        train, SPACE, metric="error", searcher="halving", scheduler="one-epoch", executor="counting",
        n_trials=4, max_resource=3, storage=":memory:", progress=False,
    )  # fmt: skip
    check(study)


def test_by_name_on_the_command_line(registered, tmp_path):
    (tmp_path / "mine.py").write_text(EXPERIMENT)
    parts = ("--searcher", "halving", "--scheduler", "one-epoch", "--executor", "counting")
    done = rung_here("run", "mine.py", *parts, "--quiet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    check(rung.Study.load("mine", storage=str(tmp_path / "rung_studies")))
    again = rung_here("resume", "mine", "--n-trials", "5", "--quiet", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    study = rung.Study.load("mine", storage=str(tmp_path / "rung_studies"))
    assert study.trials[4].config["x"] == 1 / 16
    assert Counting.started == [1, 1]


def test_an_unknown_name_is_refused_with_those_from_outside(registered, tmp_path):
    (tmp_path / "mine.py").write_text(EXPERIMENT)
    for option, near in (("--searcher", "halving"), ("--scheduler", "one-epoch"), ("--executor", "counting")):
        done = rung_here("run", "mine.py", option, near[:-1], cwd=tmp_path)
        assert done.returncode == 2
        assert f"did you mean '{near}'?" in done.stderr


def test_a_storage_by_its_url(registered, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # what a trial keeps would lie in a folder here
    url = "shelf://kitchen/upper"
    rung.tune(
        train, SPACE, metric="error", searcher=Halving(), n_trials=3, max_resource=3, name="cake", storage=url,
        progress=False,
    )  # fmt: skip
    assert list(Shelf.shelves) == [url]
    assert len(rung.Study.load("cake", storage=url).trials) == 3
    (tmp_path / "mine.py").write_text(EXPERIMENT)
    done = rung_here("run", "mine.py", "--storage", url, "--quiet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {info.name for info in Shelf.shelves[url].studies()} == {"cake", "mine"}
    done = rung_here("status", "cake", "--storage", "shelv://kitchen/upper", cwd=tmp_path)
    assert done.returncode == 2
    assert "storage=shelv://...; this rung knows a folder's path, :memory: and" in done.stderr
    assert "shelf://..." in done.stderr


def test_a_plot(registered):
    pytest.importorskip("matplotlib")
    study = rung.tune(
        train, SPACE, metric="error", searcher=Halving(), n_trials=3, max_resource=3, storage=":memory:",
        progress=False,
    )  # fmt: skip
    assert "errors" in dir(study.plot)
    for drawn in (study.plot("errors"), study.plot.errors()):
        (line,) = drawn.axes[0].lines
        assert list(line.get_ydata()) == [trial.metrics["error"] for trial in study.trials]
