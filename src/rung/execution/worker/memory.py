"""The memory of process trees: a worker, what it started, and what those started."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import psutil


def exceeding(limits: Mapping[int, int]) -> dict[int, int]:
    """Of the processes in `limits` (pid to bytes), those whose descendants hold more; to how many bytes."""
    children: dict[int, list[psutil.Process]] = {}
    for process in psutil.process_iter(["ppid"]):
        children.setdefault(process.info["ppid"], []).append(process)

    def below(pid: int) -> list[psutil.Process]:
        return [found for child in children.get(pid, ()) for found in (child, *below(child.pid))]

    found = {pid: held(below(pid), limit) for pid, limit in limits.items()}
    return {pid: size for pid, size in found.items() if size > limits[pid]}


def held(processes: Iterable[psutil.Process], limit: int) -> int:
    """Bytes that these processes hold together.

    Resident memory is quick to read, but counts a page once for each process that shares it, as the
    children of a data loader do; only where it exceeds `limit` are shares counted (Linux: smaps).
    """
    processes = list(processes)
    resident = sum(_bytes(process, "rss") for process in processes)
    return resident if resident <= limit else sum(_bytes(process, "pss") for process in processes)


def _bytes(process: psutil.Process, what: str) -> int:
    try:
        memory = process.memory_full_info() if what == "pss" else process.memory_info()
    except psutil.Error:  # it has ended, or may not be looked into
        return 0
    return int(getattr(memory, what, memory.rss))
