"""rung's part of blackbox/, run by the interpreter in .peers-bench: searchers by ask and tell."""

from __future__ import annotations

import hashlib
import json
import sys
from importlib.metadata import version
from pathlib import Path

from benchmarks.blackbox.tasks import BENCH, Objective, Space, main, task_of

import rung
from rung import searchers
from rung.errors import Error
from rung.study.algorithm import Problem
from rung.study.metrics import Goals


def stamp() -> str:
    """rung's version, and a digest of every file of the searchers."""
    folder = Path(searchers.__file__).parent
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(folder.rglob("*.py"))))
    return f"{version('rung')}+{digest.hexdigest()[:8]}"


def space_of(space: Space) -> rung.Space:
    made = {}
    for d in space:
        if d["type"] == "cat":
            made[d["name"]] = rung.Categorical(d["choices"])
        else:
            kind = rung.Int if d["type"] == "int" else rung.Float
            made[d["name"]] = kind(d["low"], d["high"], log=d["log"])
        if "when" in d:
            made[d["name"]] = made[d["name"]].when(rung.param(d["when"]["name"]).isin(d["when"]["in"]))
    return rung.Space(made)


def methods() -> dict[str, str]:
    """Those that can search the space of every suite."""
    tasks = json.loads((BENCH / "splits.json").read_text())["dev"]
    spaces = [space_of(task_of(one).space) for one in {task.split("/")[0]: task for task in tasks}.values()]
    names = (name for name in searchers.SEARCHERS if name != "grid" and accepted(name, spaces))
    return dict.fromkeys(names, stamp())


def accepted(name: str, spaces: list[rung.Space]) -> bool:
    try:
        for space in spaces:
            searchers.get(name).check(Problem(space, Goals.of("loss")))
    except Error as error:
        print(f"rung {name} is left out: {error}", file=sys.stderr)
        return False
    return True


def search(method: str, objective: Objective, space: Space, seed: int, trials: int) -> None:
    study = rung.Study(space_of(space), metric="loss", searcher=method, storage=":memory:", seed=seed)
    for _ in range(trials):
        trial = study.ask()
        study.tell(trial, objective(trial.config))


if __name__ == "__main__":
    main(methods(), search)
