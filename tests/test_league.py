"""The default searcher is nowhere worse than random search: benchmarks/league, on a few tasks of each family."""

from dataclasses import replace

import pytest
from benchmarks.runs import BENCH

LATEST = 50
"""Trials; later marks are left to the league itself."""
TASKS = {
    "surrogates": slice(0, None, 5),
    "noisy": slice(0, None, 5),
    "coco": slice(0, None, 12),
    "real": slice(0, None, 3),
    "real-asha": slice(0, 1),
    "parallel": slice(0, None, 10),
    "spaces": slice(0, None, 3),
}
"""Those of a family's columns that are run; the league's --quick takes more of them."""


@pytest.mark.slow
@pytest.mark.skipif(
    not BENCH.is_dir(), reason="no ../shared/bench: its tasks are not part of this repository"
)
@pytest.mark.filterwarnings("ignore")  # a training that diverges overflows, and says so
@pytest.mark.parametrize("family", ["surrogates", "noisy", "coco", "real", "parallel", "spaces"])
def test_the_default_searcher_is_nowhere_behind_random_search(family, capsys):
    from benchmarks.league.columns import columns
    from benchmarks.league.table import OURS, RANDOM
    from benchmarks.league.tasks import task_of
    from benchmarks.league.verdicts import behind_random
    from benchmarks.league.with_rung import search

    table = [
        replace(
            column,
            tasks=column.tasks[TASKS[column.family]],
            marks=tuple(mark for mark in column.marks if mark <= LATEST),
        )
        for column in columns()
        if column.family.removesuffix("-asha") == family
    ]
    found = {
        column: {
            method: {
                name: {
                    seed: search(method[1], task_of(name), seed, column.marks, column.workers)
                    for seed in range(2)
                }
                for name in column.tasks
            }
            for method in (OURS, RANDOM)
        }
        for column in table
    }
    behind = behind_random(found)
    said = capsys.readouterr().out
    assert f"{family}: auto's score less random's" in said
    assert not behind, said
