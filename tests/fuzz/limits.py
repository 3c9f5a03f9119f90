"""How many cases: a few by default, hundreds in the slow tests, thousands by RUNG_FUZZ=10 (times as many)."""

from __future__ import annotations

import os
import signal
import warnings

from hypothesis import settings

SCALE = float(os.environ.get("RUNG_FUZZ", "1"))
LIMIT = 20
"""Seconds of a case that hangs; the promise is 5 on a machine of its own."""


def some(cases: int) -> settings:
    """Settings for that many cases, times RUNG_FUZZ."""
    return settings(max_examples=max(1, round(cases * SCALE)), deadline=None, print_blob=True)


class limited:
    """Fail if the block takes longer than LIMIT seconds."""

    def __enter__(self) -> None:
        def fail(_number: int, _frame: object) -> None:
            raise AssertionError(f"longer than {LIMIT} s")

        self._before = signal.signal(signal.SIGALRM, fail)
        signal.alarm(LIMIT)
        self._quiet = warnings.catch_warnings()
        self._quiet.__enter__()
        warnings.simplefilter("ignore")

    def __exit__(self, *_: object) -> None:
        signal.alarm(0)
        self._quiet.__exit__(None, None, None)
        signal.signal(signal.SIGALRM, self._before)
