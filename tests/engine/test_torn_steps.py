"""When a write fails, nothing that builds on it is written."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from simulation import SPACE

import rung
from rung.errors import StorageError
from rung.storage import Lease, MemoryStorage
from rung.study.events import Event
from rung.testing import check_log


class Full(MemoryStorage):
    """Refuses the n-th append, once: a disk that is full for a moment."""

    def __init__(self, refuse: int) -> None:
        super().__init__()
        self.left = refuse

    def append(self, lease: Lease, events: Sequence[Event]) -> int:
        self.left -= 1
        if self.left == 0:
            raise StorageError("disk full")
        return super().append(lease, events)


@pytest.mark.parametrize("refuse", range(2, 13))
def test_tune_after_a_full_disk(refuse):
    storage = Full(refuse)
    options = {"n_trials": 5, "name": "s", "storage": storage, "progress": False, "seed": 0}
    with pytest.raises(StorageError, match="disk full"):
        rung.tune(lambda c, trial: trial.report(value=c["x"]), SPACE, **options)
    check_log(list(storage.read("s")), n_trials=5)
    study = rung.tune(lambda c, trial: trial.report(value=c["x"]), SPACE, **options)
    assert [t.status for t in study.trials] == ["completed"] * 5
    check_log(list(storage.read("s")), n_trials=5, capacity=1)


def test_ask_and_tell_after_a_full_disk():
    storage = Full(3)
    study = rung.Study(SPACE, name="s", storage=storage)
    trial = study.ask()
    with pytest.raises(StorageError, match="disk full"):
        study.tell(trial, 1.0)
    again = study.ask()  # from the log: the trial was never told
    assert (again.number, again.attempt, again.config) == (0, 2, trial.config)
    study.tell(again, 1.0)
    study.close()
    assert check_log(list(storage.read("s"))).digest() == study.state.digest()
