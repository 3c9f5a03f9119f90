"""Studies that try to harm who looks at them."""

from __future__ import annotations

import math

import rung

SCRIPT = "<script>window.harmed=1</script>"
IMAGE = "<img src=x onerror=window.harmed=1>"
CLOSING = "</script><script>window.harmed=1</script>"
ESCAPES = "\x1b[31m\x1b]0;harmed\x07\x00\r\n\t\u202e\u2028\u2029"
TEXTS = {
    "script": SCRIPT, "image": IMAGE, "closing": CLOSING, "escapes": ESCAPES, "comment": "<!--<script>",
    "address": "javascript:window.harmed=1", "template": "${window.harmed=1}{{harmed}}", "proto": "__proto__",
    "quote": "\"'`onload=window.harmed=1 x=", "pipe": "|`@everyone`| #1 [x](javascript:harmed)", "lone": "\udc80é",
}  # fmt: skip


def _made(storage, name, space, metric, outcomes, **settings):
    """A study of trials that ended so: numbers, metrics, or the text of an error."""
    study = rung.Study(
        space, metric=metric, storage=storage, name=name, searcher="random", seed=1, **settings
    )
    with study:
        for outcome in outcomes:
            trial = study.ask()
            if isinstance(outcome, str):
                study.fail(trial, outcome)
            else:
                study.tell(trial, outcome)


def of_text(storage, name):
    """A study with a text of `TEXTS` wherever one can stand."""
    shown = TEXTS[name] if name != "lone" else "é"
    space = {"x": rung.Float(0, 1), shown: rung.Categorical([shown, f"{shown}2"]), "constant": shown}
    metric = f"{shown[:100]} error"
    _made(
        storage,
        f"text {name}",
        space,
        metric,
        [{metric: 0.5, f"other {shown}"[:150]: 1.0}, shown, {metric: 0.25}],
    )


def make(storage):
    """Fill a storage with all of them, and return their names."""
    x = {"x": rung.Float(0, 1)}
    for name in TEXTS:
        of_text(storage, name)
    _made(storage, "of no trial", x, "error", [])
    _made(storage, "of one trial", x, "error", [{"error": 1.0}])
    _made(storage, "all failed", x, "error", ["out of memory"] * 4)
    _made(storage, "far apart", x, "error", [{"error": y} for y in (1e308, -1e308, 5e-324, 0.0, 1e30)])
    _made(
        storage, "not finite", x, "error", [{"error": 1.0, "odd": y} for y in (math.nan, math.inf, -math.inf)]
    )
    _made(storage, "all the same", {"x": 1, "y": rung.Categorical(["a"])}, "error", [{"error": 0.0}])
    long = "a" * 200  # the longest name that there can be
    _made(
        storage, "long", {long: rung.Float(0, 1)}, "error", [{"error": 1.0}, "c" * 10_000_000, {"error": 2.0}]
    )
    five = {f"objective {i}": "min" if i % 2 else "max" for i in range(5)}
    _made(
        storage,
        "five objectives",
        x,
        five,
        [{name: float((i * 7 + j) % 5) for j, name in enumerate(five)} for i in range(12)],
    )
    many = {f"h{i}": rung.Float(0, 1) for i in range(300)}
    _made(storage, "many hyperparameters", many, "error", [{"error": float(i)} for i in range(5)])
    _made(
        storage,
        "large numbers",
        {"x": rung.Int(1, 2**39, log=True)},
        "error",
        [{"error": float(2**60 + i)} for i in range(3)],
    )
    name = f"{IMAGE}'\"&?#/%2f..{SCRIPT}"
    _made(storage, name, x, "error", [{"error": 1.0}])
    return [info.name for info in storage.studies()]
