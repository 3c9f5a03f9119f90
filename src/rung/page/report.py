"""A study as one file: the page and its data, for a browser without a network."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from contextlib import suppress
from functools import lru_cache
from typing import Any

from rung.errors import Error, NoTrialError
from rung.page import curves, documents, files, models
from rung.page.documents import Viewed
from rung.page.plain import encoded, lines
from rung.page.server import STATIC
from rung.space import Categorical, Float, Int, Ordinal
from rung.storage import Owner
from rung.study.events import Outcome
from rung.study.metrics import MEASURED
from rung.study.state import StudyState

LIMIT = 1_990_000
"""Bytes of the whole file."""
_TRIALS, _PAGES, _PICTURES = 5000, 120, 500_000
"""Trials, trials with a page of their own, and bytes of pictures in a file where all fits."""
_LOG = 20_000
_SCALES = tuple(0.6**i for i in range(16))
_METRICS = 6
"""Metrics whose curves are in the file."""
_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./([a-z]+\.js)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?function|class|const) (\w+)", re.MULTILINE)


def html(viewed: Viewed, owner: Owner | None) -> str:
    """The page with the data of a study, less than 2 MB of it: a large study is thinned, and says so."""
    script, style = bundle(), (STATIC / "page.css").read_text()
    room = LIMIT - len(script.encode()) - len(style.encode()) - 2000
    ready = _ready(viewed)
    for scale in _SCALES:
        data = _escaped(_data(viewed, owner, scale, ready))
        if len(data.encode()) <= room:
            break
    else:
        raise Error(f"study {viewed.name!r} has too many hyperparameters or metrics for a file of 2 MB")
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<title>rung</title>\n'
        '<link rel="icon" href="data:,">\n'
        f'<style>{style}</style>\n</head>\n<body>\n<div id="app"></div>\n'
        f'<script type="application/json" id="data">{data}</script>\n'
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def _hash(code: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}"


def _escaped(data: Any) -> str:
    # No "<" at all: nothing can close the element that the data stands in, or open another one.
    found = encoded(data).decode()
    return found.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


@lru_cache(maxsize=1)
def bundle() -> str:
    """The modules of the page as one script: each is a function that returns what it exports."""
    done: dict[str, str] = {}

    def add(name: str) -> None:
        code = (STATIC / name).read_text()
        for _, needed in _IMPORT.findall(code):
            if needed not in done:
                add(needed)
        names = ", ".join(name for _, name in _EXPORT.findall(code))
        code = _IMPORT.sub(r'const {\1} = modules["\2"];', _EXPORT.sub(r"\1 \2", code))
        done[name] = f'modules["{name}"] = (() => {{\n{code}\nreturn {{ {names} }};\n}})();\n'

    add("main.js")
    return '"use strict";\nconst modules = {};\n' + "".join(done.values())


def _ready(viewed: Viewed) -> dict[str, Any]:
    """What does not depend on how much fits."""
    state = viewed.state
    try:
        explained = viewed.explain()
    except Error as error:
        explained = str(error)
    return {
        "anytime": _thin_columns(curves.anytime(state), ("t", "value", "trial"), 4000),
        "hypervolume": _thin_columns(curves.hypervolume(state), ("t", "value", "trial"), 4000),
        "explain": {"text": lines(explained, 20_000)},
        **_models(state),
    }


def _models(state: StudyState) -> dict[str, Any]:
    """Of the first objective: importance, and the surface that the page shows first."""
    metric = state.goals.first.name
    found = {f"importance {metric}": models.importance(state, metric)} if state.space.varying else {}
    places = {name: i for i, name in enumerate(state.space)}
    pair = sorted((places[name] for name in state.space.varying), key=lambda i: _rank(state, i))[:2]
    if len(pair) == 2:
        found[f"surface {metric} {pair[0]} {pair[1]}"] = models.surface(state, metric, *pair)
    return found


def _rank(state: StudyState, place: int) -> int:
    # As in surface.js: numbers that are always active come first.
    domain = state.space[list(state.space)[place]]
    kind = 0 if isinstance(domain, Float | Int) else 1 if isinstance(domain, Categorical | Ordinal) else 4
    return kind + 2 * (domain.condition is not None)


def _data(viewed: Viewed, owner: Owner | None, scale: float, ready: dict[str, Any]) -> dict[str, Any]:
    state = viewed.state
    drawn = curves.chosen_trials(state, max(4, int(curves.CURVES * scale)))
    pages = _with_pages(state, max(2, int(_PAGES * scale)))
    kept = _kept(state, max(10, int(_TRIALS * scale)), {*drawn, *pages})
    names = [name for name in documents.metric_names(state) if name not in MEASURED][:_METRICS]
    found = documents.study(viewed.name, state, owner, kept, choices=max(20, int(2000 * scale)))
    if len(kept) < len(state.trials):
        found["thinned"] = (
            f"This file holds {len(kept):,} of {len(state.trials):,} trials: the best, those with a curve "
            "or a page of their own, the rest evenly."
        )
    most = max(10, int(200 * scale))
    return {
        "name": found["name"],
        "note": f"A report of {time.strftime('%Y-%m-%d %H:%M')}; it does not change any more.",
        "documents": {
            **ready,
            "study": found,
            **{f"curves {name}": curves.curves(state, name, drawn, most) for name in names},
            "rungs": _of_trials(curves.rungs(state), kept, ("trial", "level", "value")),
            "timeline": _of_trials(
                documents.timeline(state), kept, ("trial", "attempt", "started", "ended", "outcome")
            ),
        },
        "trials": {n: _page(viewed, n, most) for n in pages},
        "logs": _logs(viewed, pages, int(_LOG * scale)),
        "pictures": _pictures(viewed, pages, int(_PICTURES * scale)),
    }


def _with_pages(state: StudyState, most: int) -> list[int]:
    """The trials with a page: the winner, then a third of failed ones, then the best."""
    metric = state.goals.first
    failed = [t.number for t in reversed(state.trials) if t.status == Outcome.FAILED][: most // 3]
    ranked = sorted(
        (t for t in state.trials if t.value is not None), key=lambda t: metric.loss(t.value or 0.0)
    )  # fmt: skip
    best = [t.number for t in ranked]
    confirmed = state.confirmed
    first = [] if confirmed is None or confirmed.winner is None else [confirmed.winner]
    rest = [t.number for t in state.trials]
    return list(dict.fromkeys([*first, *failed, *best, *rest]))[:most]


def _kept(state: StudyState, most: int, wanted: set[int]) -> list[int]:
    if len(state.trials) <= most:
        return list(range(len(state.trials)))
    front = [t.number for t in state.standing.front]
    best = [state.standing.best.trial.number] if state.standing.best else []
    kept = {*best, *front[:most], *sorted(wanted)}
    step = max(1, len(state.trials) // max(1, most - len(kept)) + 1)
    return sorted({*kept, *range(0, len(state.trials), step)})


def _of_trials(found: dict[str, Any], kept: list[int], columns: tuple[str, ...]) -> dict[str, Any]:
    wanted = set(kept)
    rows = [i for i, n in enumerate(found["trial"]) if n in wanted]
    return {**found, **{name: [found[name][i] for i in rows] for name in columns}}


def _thin_columns(found: dict[str, Any], columns: tuple[str, ...], most: int) -> dict[str, Any]:
    step = -(-len(found[columns[0]]) // most)
    if step <= 1:
        return found
    return {**found, **{name: found[name][::step] for name in columns}}


def _page(viewed: Viewed, n: int, most: int) -> dict[str, Any]:
    trial, state = viewed.state.trials[n], viewed.state
    found = documents.trial(viewed, trial, 200 * most)
    return {**found, "curves": curves.of_trial(trial, state.goals.report_only, most)}


def _logs(viewed: Viewed, pages: list[int], most: int) -> dict[str, str]:
    found = {}
    for n in pages:
        attempt = len(viewed.state.trials[n].attempts)
        with suppress(NoTrialError):
            printed = files.log(viewed.folder, n, attempt)[-most:] if attempt else ""
            if printed.strip():
                found[f"{n}/{attempt}"] = lines(printed, most)
    return found


def _pictures(viewed: Viewed, pages: list[int], most: int) -> dict[str, str]:
    found: dict[str, str] = {}
    for n in pages:
        trial = viewed.state.trials[n]
        for i, note in enumerate(trial.notes):
            for j, _ in enumerate(path for path in note.files.values() if path):
                with suppress(NoTrialError):
                    data, kind = files.noted(viewed.folder, trial, i, j)
                    most -= len(data) * 4 // 3
                    if most < 0:
                        return found
                    if kind.startswith("image/"):
                        found[f"{n}/{i}/{j}"] = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    return found
