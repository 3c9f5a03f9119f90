"""The docstrings of the public names, from which the API reference is made: complete, and true where they run."""

from __future__ import annotations

import doctest
import inspect
import re

import pytest

import rung
from rung.schedulers import SCHEDULERS
from rung.searchers import SEARCHERS

PUBLIC = {name: getattr(rung, name) for name in rung.__all__ if not inspect.ismodule(getattr(rung, name))}
ALGORITHMS = {value.__name__: value for value in [*SEARCHERS.values(), *SCHEDULERS.values()]}
CALLED = {
    **{name: PUBLIC[name] for name in ("Categorical", "Command", "Constant", "Distribution", "Float", "Int", "Ordinal",
                                       "Space", "Study", "check_objective", "compare", "dashboard", "dry_run", "param", "simulate",
                                       "tune")},
    **ALGORITHMS,
    "Study.ask": rung.Study.ask,
    "Study.report": rung.Study.report,
    "Study.tell": rung.Study.tell,
    "Study.fail": rung.Study.fail,
    "Study.drive": rung.Study.drive,
    "StudyView.best": rung.StudyView.best,
    "Space.encode": rung.Space.encode,
    "Space.decode": rung.Space.decode,
    "Space.snap": rung.Space.snap,
    "Space.neighbours": rung.Space.neighbours,
    "Space.configs": rung.Space.configs,
    "Domain.when": rung.Float.when,
    "RunningTrial.checkpoint": rung.RunningTrial.checkpoint,
    "StudyView.load": rung.StudyView.load,
    "StudyView.events": rung.StudyView.events,
    "RunningTrial.report": rung.RunningTrial.report,
}  # fmt: skip


def documented(doc: str, section: str) -> list[str]:
    """The names of a section of a docstring after numpydoc; several may share a line."""
    found = re.search(rf"^{section}\n-+\n(.*?)(?=^\S[^\n]*\n-+\n|\Z)", doc, re.MULTILINE | re.DOTALL)
    names = re.findall(r"^(\S[^:\n]*?)(?: :.*)?$", found[1], re.MULTILINE) if found else []
    return [name.strip("*") for line in names for name in line.split(", ")]


@pytest.mark.parametrize("name", CALLED)
def test_every_parameter_is_described_once(name):
    parameters = [p for p in inspect.signature(CALLED[name]).parameters if p != "self"]
    assert sorted(documented(inspect.getdoc(CALLED[name]), "Parameters")) == sorted(parameters)


@pytest.mark.parametrize("name", ["Trial", "RunningTrial", "Verdict"])
def test_every_attribute_is_described_once(name):
    described = documented(inspect.getdoc(PUBLIC[name]), "Attributes")
    known = {"Trial": rung.Trial.__slots__, "Verdict": rung.Verdict.__members__}
    if name in known:
        assert sorted(described) == sorted(known[name])
    else:
        study = rung.Study({"x": rung.Float(0, 1)}, storage=":memory:", n_trials=1, seed=0, searcher="random")
        trial = study.ask()
        assert sorted(described) == sorted(n for n in vars(trial) if not n.startswith("_"))
        study.close()


@pytest.mark.parametrize("name", {**PUBLIC, **CALLED})
def test_the_examples_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}  # so that functions travel to worker processes by value
    found = {**CALLED, **PUBLIC}[name]
    for example in doctest.DocTestFinder(recurse=False).find(found, name, module=False, globs=names):
        assert doctest.DocTestRunner().run(example).failed == 0
