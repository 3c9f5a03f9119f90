"""What a winner is worth: argmin beside confirmed winners, at equal total runs, where the truth is known.

    python -m benchmarks.honest                     # half an hour on one core; goes on where it was cut off
    python -m benchmarks.honest --minutes 5         # what fits into them

Each search is run once up to the runs that a confirmation leaves to it. From there it goes on in two ways:
with more trials, or with fresh runs of the finalists (`confirm=0.2`). Of more trials, the best is taken
(argmin, which is Optuna's `best_trial`), or that of which a model expects most (Ax's rule). And the same
configurations race for the same number of runs (SMAC's intensification). No other library runs here: these
are their rules, in rung's code, on rung's searches. One search in 15 is by `auto`, the others are random.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.honest.rules import by_model, by_race, copied, searched
from benchmarks.honest.tasks import DIGITS, NOISE, Noisy, dev_tasks, task
from benchmarks.runs import CACHE, RESULTS

from rung.storage import MemoryStorage

SHARE = 0.2
_RESAMPLES = 4000
_SOME = 15
"""One search of so many is by `auto`."""

Row = dict[str, Any]


def measured(noisy: Noisy, searcher: str, seed: int) -> Row:
    """What one search says and what is true, by each rule."""
    begun = MemoryStorage()
    searched(noisy, searcher, seed, begun, n_trials=round((1 - SHARE) * noisy.trials))
    longer = searched(noisy, searcher, seed, copied(begun), n_trials=noisy.trials)
    study = searched(noisy, searcher, seed, copied(begun), n_trials=noisy.trials, confirm=SHARE)
    assert len(longer.trials) == len(study.trials) == noisy.trials
    used = [(t.repeats, t.repeat) for t in study.trials if t.repeats is not None]
    assert len(set(used)) == len(used), "a seed was run twice for a configuration"
    best, winner = longer.best_trial, study.final_report().winner
    assert best.value is not None
    assert winner is not None
    truth = noisy.truth(winner.config)
    nearest = min(noisy.truth(study.trials[n].config) for n in winner.finalists)
    low, high = winner.interval or (-np.inf, np.inf)
    found = {
        "argmin_regret": noisy.truth(best.config), "argmin_claim": best.value - noisy.truth(best.config),
        "model_regret": noisy.truth(by_model(noisy, longer)),
        "race_regret": noisy.truth(by_race(noisy, [t.config for t in longer.trials], seed)),
        "regret": truth, "claim": winner.value - truth, "covers": low <= truth <= high, "width": high - low,
        "said": winner.p_best, "best": truth <= nearest,
        "expected_loss": winner.expected_loss, "reason": winner.reason, "fresh": len(used),
        "loss": truth - nearest,
    }  # fmt: skip
    for estimate in winner.reported.values():
        ends = estimate.interval or (-np.inf, np.inf)
        found["test_covers"] = ends[0] <= noisy.test(winner.config) <= ends[1]
    return {k: v.item() if isinstance(v, np.generic) else v for k, v in found.items()}


def jobs() -> Iterator[tuple[str, str, str, int]]:
    """(kind, task, searcher, seed), so that any number of them is balanced."""
    names, counts = dev_tasks(), dict.fromkeys((*NOISE, *DIGITS), 0)
    for seed in itertools.count():
        for i, name in enumerate(names):
            for kind in counts:
                counts[kind] += 1
                if kind in DIGITS:  # of its rows no model learns anything
                    yield kind, kind, "random", 1000 * seed + i
                elif kind != "none" or seed == 0:
                    by_auto = counts[kind] % _SOME == 0
                    yield kind, name, "auto" if by_auto else "random", seed


def table(rows: Sequence[Row]) -> str:
    heads = (
        "noise", "searches", "covers", "width", "claim off: argmin", "winner", "P(best) said/true",
        "loss said/true", "test covers", "regret: argmin", "model", "race", "winner", "winner/argmin [90 %]",
    )  # fmt: skip
    kinds = dict.fromkeys(row["kind"] for row in rows)
    lines = [heads]
    lines += [
        _line(kind, [r for r in rows if r["kind"] == kind]) for kind in (*NOISE, *DIGITS) if kind in kinds
    ]
    noisy = [r for r in rows if r["kind"] != "none"]
    lines.append(_line("all noisy", noisy))
    for name in ("random", "auto"):
        if some := [r for r in noisy if r["searcher"] == name]:
            lines.append(_line(f"all noisy, {name}", some))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(c.rjust(w) for c, w in zip(line, widths, strict=True)) for line in lines)


def _line(name: str, rows: Sequence[Row]) -> tuple[str, ...]:
    def mean(key: str) -> float:
        return float(np.mean([r[key] for r in rows if key in r])) if any(key in r for r in rows) else np.nan

    a, w = (np.array([r[key] for r in rows]) for key in ("argmin_regret", "regret"))
    picks = np.random.default_rng(0).integers(len(rows), size=(_RESAMPLES, len(rows)))
    low, high = np.quantile(w[picks].mean(axis=1) / a[picks].mean(axis=1), [0.05, 0.95])
    return (
        name, str(len(rows)), f"{mean('covers'):.3f}", f"{mean('width'):.3f}", f"{mean('argmin_claim'):+.3f}",
        f"{mean('claim'):+.3f}", f"{mean('said'):.2f}/{mean('best'):.2f}",
        f"{mean('expected_loss'):.3f}/{mean('loss'):.3f}", f"{mean('test_covers'):.3f}",
        f"{a.mean():.3f}", f"{mean('model_regret'):.3f}", f"{mean('race_regret'):.3f}", f"{w.mean():.3f}",
        f"{w.mean() / a.mean():.2f} [{low:.2f}, {high:.2f}]",
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0, help="how long to go on, at least one search")
    parser.add_argument("--only-table", action="store_true", help="of the searches that were kept")
    asked = parser.parse_args()
    kept = Path(CACHE) / "honest.jsonl"
    kept.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    known = {(r["kind"], r["task"], r["searcher"], r["seed"]) for r in rows}
    until = time.monotonic() + 60 * asked.minutes
    with kept.open("a") as file:
        for job in () if asked.only_table else jobs():
            if job in known:
                continue
            kind, name, searcher, seed = job
            of_it = {"kind": kind, "task": name, "searcher": searcher, "seed": seed}
            rows.append({**of_it, **measured(task(kind, name), searcher, seed)})
            file.write(json.dumps(rows[-1]) + "\n")
            file.flush()
            if time.monotonic() > until:
                break
    text = f"100 runs in all (digits: 80), {SHARE:.0%} to confirm; "
    text += "unit: median random configuration - best known\n\n"
    text += table(rows) + "\n"
    (RESULTS / "honest.txt").write_text(text)
    print(text, end="")


if __name__ == "__main__":
    main()
