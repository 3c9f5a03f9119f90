"""What a study used: how busy its workers were, how far its trials got, what lies on disk."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from rung.study.state import StudyState


def busy_share(state: StudyState, n_workers: int) -> float:
    """The part of the workers' time in which attempts ran, from the first start to the last end.

    An attempt that still runs counts up to the last event; without any attempt the share is 0.
    """
    attempts = [attempt for trial in state.trials for attempt in trial.attempts]
    spans = [(a.started, state.t if a.ended is None else a.ended) for a in attempts]
    if not spans:
        return 0.0
    whole = max(end for _, end in spans) - min(start for start, _ in spans)
    return sum(end - start for start, end in spans) / (n_workers * whole) if whole else 0.0


def trials_per_level(state: StudyState) -> dict[int, int]:
    """How many trials got up to each epoch and no further; 0 is for those that reported nothing."""
    return dict(sorted(Counter(trial.resource for trial in state.trials).items()))


def checkpoint_bytes(trial_folders: Iterable[Path]) -> int:
    """Bytes of all checkpoints kept in these trials' folders, without what rung notes beside them."""
    return sum(folder_bytes(saved) for folder in trial_folders for saved in folder.glob("epoch-*"))


def folder_bytes(folder: Path) -> int:
    """Bytes of all files under a folder, which others may be changing; 0 if there is none."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += (Path(path) / name).lstat().st_size
    return total
