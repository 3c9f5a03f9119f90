"""How busy, how far, how much on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

import rung
from rung.analysis.usage import busy_share, folder_bytes, trials_per_level
from rung.study.sizes import size_text

SPACE = {"x": rung.Float(0, 1)}


def simulated(**options: object) -> rung.Study:
    return rung.simulate(
        SPACE, lambda config, epoch: ({"value": config["x"]}, 1.0), max_resource=9, seed=0, **options
    )  # type: ignore[arg-type]


def test_workers_without_a_pause_are_busy_all_the_time() -> None:
    study = simulated(scheduler="fifo", n_workers=3, n_trials=6)
    assert busy_share(study.state, 3) == pytest.approx(1.0)
    assert busy_share(study.state, 6) == pytest.approx(0.5)
    assert trials_per_level(study.state) == {9: 6}


def test_a_worker_that_is_left_over_is_idle() -> None:
    study = simulated(scheduler="fifo", n_workers=3, n_trials=4)
    assert busy_share(study.state, 3) == pytest.approx(4 * 9 / (3 * 18))


def test_levels_are_the_furthest_epochs() -> None:
    study = simulated(scheduler="asha", n_workers=2, n_trials=30)
    levels = trials_per_level(study.state)
    assert list(levels) == [1, 3, 9]
    assert sum(levels.values()) == 30


def test_a_study_without_trials_and_one_that_runs() -> None:
    with rung.Study(SPACE, storage=":memory:", n_trials=2) as study:
        assert busy_share(study.state, 1) == 0.0
        assert trials_per_level(study.state) == {}
        trial = study.ask()
        assert trial is not None
        study.report(trial, epoch=1, value=0.5)
        assert busy_share(study.state, 1) == pytest.approx(1.0)


def test_folder_bytes_counts_files_below_and_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "0" / "epoch-1-x").mkdir(parents=True)
    (tmp_path / "0" / "epoch-1-x" / "model").write_bytes(bytes(1000))
    (tmp_path / "0" / "checkpoint").symlink_to("epoch-1-x", target_is_directory=True)
    assert folder_bytes(tmp_path) == 1000
    assert folder_bytes(tmp_path / "absent") == 0


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (1234, "1.23 kB"),
        (999_499, "999 kB"),
        (999_999, "1 MB"),
        (5 * 10**9, "5 GB"),
    ],
)
def test_size_text(size: int, text: str) -> None:
    assert size_text(size) == text
