"""The default searcher is nowhere worse than random search: benchmarks/league in its quick form."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BENCH = ROOT.parent / "shared" / "bench"


@pytest.mark.slow
@pytest.mark.skipif(
    not BENCH.is_dir(), reason="no ../shared/bench: its tasks are not part of this repository"
)
def test_the_default_searcher_is_nowhere_behind_random_search(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.league", "--quick"],
        cwd=ROOT, env=os.environ | {"LEAGUE_CACHE": str(tmp_path / "league.jsonl")},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    families = [
        line.partition(":")[0] for line in done.stdout.splitlines() if ": auto's score less random's" in line
    ]
    assert set(families) == {"surrogates", "noisy", "coco", "real", "parallel", "spaces"}, done.stdout
