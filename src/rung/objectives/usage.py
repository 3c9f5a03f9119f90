"""What an attempt used, measured without being asked."""

from __future__ import annotations

import contextlib
import resource
import sys
from os import times  # bound now, as monotonic is: an objective may patch the modules
from time import monotonic

_UNIT = 1 if sys.platform == "darwin" else 1024  # ru_maxrss: bytes on macOS, kibibytes elsewhere


class Usage:
    """Seconds, CPU seconds and peak memory from its construction to `measure`.

    CPU seconds include child processes that were waited for. The peak is that of this process while
    the attempt ran (on Linux; elsewhere the highest since the process began).
    """

    def __init__(self) -> None:
        _reset_peak()
        self._cpu = _cpu_seconds()
        self._began = monotonic()

    def measure(self) -> dict[str, float]:
        """The metrics of `rung.study.metrics.MEASURED`."""
        return {
            "train_seconds": monotonic() - self._began,
            "cpu_seconds": _cpu_seconds() - self._cpu,
            "peak_memory_mb": _peak_bytes() / 1e6,
        }


def _cpu_seconds() -> float:
    used = times()
    return used.user + used.system + used.children_user + used.children_system


def _reset_peak() -> None:
    # Linux: 5 sets the peak resident size of the process back to its present size (proc(5)).
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "wb", buffering=0) as file:  # noqa: PTH123
        file.write(b"5")


def _peak_bytes() -> int:
    with contextlib.suppress(OSError, IndexError, ValueError), open("/proc/self/status", "rb") as file:  # noqa: PTH123
        return int(file.read().split(b"VmHWM:", 1)[1].split(None, 1)[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT
