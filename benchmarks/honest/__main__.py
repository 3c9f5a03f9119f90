"""What a winner is worth: argmin beside confirmed winners, at equal total runs, where the truth is known.

    python -m benchmarks.honest                     # 20 minutes on one core
    python -m benchmarks.honest --minutes 5         # what fits into them

Each search is run once up to the runs that a confirmation leaves to it. From there it goes on in two ways:
with more trials, of which the best is taken (argmin), or with fresh runs of the finalists (`confirm=0.2`).
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.honest.tasks import NOISE, Noisy, dev_tasks, digits, surrogate
from benchmarks.runs import CACHE, RESULTS

import rung
from rung.storage import MemoryStorage, Owner
from rung.storage.base import Storage

SHARE = 0.2
_RESAMPLES = 4000


def searched(task: Noisy, searcher: str, seed: int, storage: Storage, **budget: Any) -> rung.Study:
    def objective(config: dict[str, Any], trial: rung.RunningTrial) -> dict[str, float]:
        loss, test = task.run(config, trial.seed)
        return {"loss": loss, "test": test}

    return rung.tune(
        objective, task.space, metric="loss", report_only=["test"], searcher=searcher, seed=seed, name="s",
        storage=storage, progress=False, **budget,
    )  # fmt: skip


def copied(storage: Storage) -> Storage:
    """A storage with the same log."""
    copy, (first, *others) = MemoryStorage(), list(storage.read("s"))
    copy.create("s", first)
    lease = copy.acquire("s", Owner("benchmark", 1, 0.0))
    copy.append(lease, others)
    copy.release(lease)
    return copy


def measured(task: Noisy, searcher: str, seed: int) -> dict[str, Any]:
    """What one search says and what is true, by argmin and by fresh runs."""
    begun = MemoryStorage()
    searched(task, searcher, seed, begun, n_trials=round((1 - SHARE) * task.trials))
    longer = searched(task, searcher, seed, copied(begun), n_trials=task.trials)
    study = searched(task, searcher, seed, copied(begun), n_trials=task.trials, confirm=SHARE)
    assert len(longer.trials) == len(study.trials) == task.trials
    used = [(t.repeats, t.repeat) for t in study.trials if t.repeats is not None]
    assert len(set(used)) == len(used), "a seed was run twice for a configuration"
    best, winner = longer.best_trial, study.final_report().winner
    assert best.value is not None
    assert winner is not None
    truth = task.truth(winner.config)
    nearest = min(task.truth(study.trials[n].config) for n in winner.finalists)
    low, high = winner.interval or (-np.inf, np.inf)
    found = {
        "argmin_regret": task.truth(best.config), "argmin_claim": best.value - task.truth(best.config),
        "regret": truth, "claim": winner.value - truth, "covers": low <= truth <= high, "width": high - low,
        "said": winner.p_best, "best": truth <= nearest,
        "expected_loss": winner.expected_loss, "reason": winner.reason, "fresh": len(used),
        "loss": truth - nearest,
    }  # fmt: skip
    for estimate in winner.reported.values():
        ends = estimate.interval or (-np.inf, np.inf)
        found["test_covers"] = ends[0] <= task.test(winner.config) <= ends[1]
    return {k: v.item() if isinstance(v, np.generic) else v for k, v in found.items()}


def jobs(real: Noisy | None, searcher: str) -> Any:
    """(family, kind, task, searcher, seed), so that any number of them is balanced."""
    names = dev_tasks()
    for seed in itertools.count():
        for i, name in enumerate(names):
            for kind in NOISE:
                yield kind, name, searcher, seed
            if real is not None:
                yield "digits", "digits", searcher, 1000 * seed + i


def table(rows: list[dict[str, Any]]) -> str:
    heads = (
        "noise", "searches", "covers", "width", "claim off: argmin", "winner", "regret: argmin", "winner",
        "ratio [90 %]", "P(best) said/true", "loss said/true", "test covers",
    )  # fmt: skip
    kinds = dict.fromkeys(row["kind"] for row in rows)
    lines = [heads]
    lines += [
        _line(kind, [r for r in rows if r["kind"] == kind]) for kind in (*NOISE, "digits") if kind in kinds
    ]
    noisy = [r for r in rows if r["kind"] != "none"]
    lines.append(_line("all noisy", noisy))
    for name in ("random", "auto"):
        if some := [r for r in noisy if r["searcher"] == name]:
            lines.append(_line(f"all noisy, {name}", some))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(c.rjust(w) for c, w in zip(line, widths, strict=True)) for line in lines)


def _line(name: str, rows: list[dict[str, Any]]) -> tuple[str, ...]:
    def mean(key: str) -> float:
        return float(np.mean([r[key] for r in rows if key in r])) if any(key in r for r in rows) else np.nan

    a, w = (np.array([r[key] for r in rows]) for key in ("argmin_regret", "regret"))
    picks = np.random.default_rng(0).integers(len(rows), size=(_RESAMPLES, len(rows)))
    low, high = np.quantile(w[picks].mean(axis=1) / a[picks].mean(axis=1), [0.05, 0.95])
    return (
        name, str(len(rows)), f"{mean('covers'):.3f}", f"{mean('width'):.3f}", f"{mean('argmin_claim'):+.3f}",
        f"{mean('claim'):+.3f}", f"{a.mean():.3f}", f"{w.mean():.3f}",
        f"{w.mean() / a.mean():.2f} [{low:.2f}, {high:.2f}]", f"{mean('said'):.2f}/{mean('best'):.2f}",
        f"{mean('expected_loss'):.3f}/{mean('loss'):.3f}", f"{mean('test_covers'):.3f}",
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0, help="how long to go on, at least one round")
    parser.add_argument(
        "--searcher", default="random", choices=("random", "auto"), help="auto takes ten times as long"
    )
    parser.add_argument("--only-table", action="store_true", help="of the searches that were kept")
    parser.add_argument("--without-digits", action="store_true", help="leave the real table out")
    asked = parser.parse_args()
    kept = Path(CACHE) / "honest.jsonl"
    kept.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    known = {(r["kind"], r["task"], r["searcher"], r["seed"]) for r in rows}
    until = time.monotonic() + 60 * asked.minutes
    real = None if asked.without_digits else digits()
    with kept.open("a") as file:
        for kind, name, searcher, seed in () if asked.only_table else jobs(real, asked.searcher):
            if time.monotonic() > until:
                break
            if (kind, name, searcher, seed) in known:
                continue
            task = real if kind == "digits" and real is not None else surrogate(name, kind)
            row = {
                "kind": kind,
                "task": name,
                "searcher": searcher,
                "seed": seed,
                **measured(task, searcher, seed),
            }
            rows.append(row)
            file.write(json.dumps(row) + "\n")
            file.flush()
    text = f"100 runs in all (digits: 40), {SHARE:.0%} to confirm; "
    text += "unit: median random configuration - best known\n\n"
    text += table(rows) + "\n"
    (RESULTS / "honest.txt").write_text(text)
    print(text, end="")


if __name__ == "__main__":
    main()
