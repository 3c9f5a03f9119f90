"""What a report costs over the connection, beside worker processes of this machine, in one run.

    python -m benchmarks.remote                    # 2 workers, 2,000 reports of each, alternating
    python -m benchmarks.remote --crowd 200        # so many simulated workers on one coordinator

The first measures `trial.report` in the worker, storage included (durability="process"). The second measures
the coordinator alone: no process runs trials, a thread plays all workers.
"""

from __future__ import annotations

import argparse
import os
import pickle
import platform
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import rung
from rung import __version__
from rung.execution.node import frames
from rung.execution.node.frames import Ready, Up
from rung.execution.node.line import Line, about, numbered
from rung.execution.node.link import Link
from rung.execution.worker.leftovers import Identity
from rung.objectives.job import AttemptId, End, Report

TOKEN = "5e" * 32
EPOCHS = 100


class Workers(rung.Remote):
    """Starts `rung worker` processes on this machine."""

    def __init__(self, n: int) -> None:
        super().__init__("127.0.0.1:0", token=TOKEN)
        self.n = n

    def start(self, work):
        nodes = super().start(work)
        command = [sys.executable, "-m", "rung", "worker", nodes.address]
        for _ in range(self.n):
            subprocess.Popen(command, env={**os.environ, "RUNG_TOKEN": TOKEN}, stderr=subprocess.DEVNULL)
        return nodes


def reporting(config, trial):
    times = []
    for epoch in trial.epochs():
        before = time.perf_counter()
        trial.report(epoch=epoch, y=config["x"] / epoch)
        times.append(time.perf_counter() - before)
    return {"p50": statistics.median(times), "p99": statistics.quantiles(times, n=100)[98]}


def medians(executor, n_workers: int, reports: int, folder: Path) -> tuple[float, float]:
    """The median over trials of each trial's p50 and p99, in ms."""
    study = rung.tune(reporting, {"x": rung.Float(0, 1)}, metric="y", n_workers=n_workers, executor=executor,
                      n_trials=max(2, reports // EPOCHS), max_resource=EPOCHS, searcher="random", seed=0,
                      storage=str(folder), durability="process", progress=False)  # fmt: skip
    ended = [trial.metrics for trial in study.trials]
    return tuple(1000 * statistics.median(m[name] for m in ended) for name in ("p50", "p99"))


def beside_processes(n_workers: int, reports: int, rounds: int) -> Iterator[str]:
    found: dict[str, list[tuple[float, float]]] = {"processes": [], "remote": []}
    with tempfile.TemporaryDirectory() as folder:
        for n in range(rounds):
            for name, executor in (("processes", "processes"), ("remote", Workers(n_workers))):
                found[name].append(
                    medians(executor, n_workers, reports // rounds, Path(folder) / f"{name}{n}")
                )
    for name, pairs in found.items():
        p50, p99 = (statistics.median(column) for column in zip(*pairs, strict=True))
        yield f"{name:<10} report to verdict, {n_workers} workers: p50 {p50:.2f} ms, p99 {p99:.2f} ms"


class Player:
    """One of many workers that a thread plays."""

    def __init__(self, port: int) -> None:
        self.link = Link(
            socket.create_connection(("127.0.0.1", port)), bytes.fromhex(TOKEN), serves=False, longest=1 << 26
        )
        self.line, self.job, self.said = Line(), None, False

    def play(self) -> None:
        """Take what came, and report at once after each answer."""
        for frame in self.link.frames():
            number, said = numbered(frame)
            if not number:
                if b'"bye"' in said:
                    self.link.close()
                    raise EOFError
                continue
            self.line.received = number
            message = pickle.loads(said)
            if isinstance(message, frames.Orders):
                self.line.attach(self.link, 0)
                self.line.send(frames.write(Up(0, Identity(7, 6, 1.0, "boot"))))
                self.line.send(frames.write(Ready(True)))
            elif isinstance(message, frames.Job):
                self.job, self.number = message, 0
                self.report()
            elif isinstance(message, frames.Answer):
                self.report() if self.number < EPOCHS else self.end()
        if self.link.established and not self.said:
            self.said = True
            who = {"python": platform.python_version(), "rung": __version__, "host": "here", "pid": 7}
            self.link.send(about("hello", **who, slots=1, ticket="", received=0, former=""))

    def report(self) -> None:
        self.number += 1
        self.line.send(
            frames.write(Report(AttemptId(*self.job.id), self.number, self.number, {"y": 1.0 / self.number}))
        )

    def end(self) -> None:
        self.line.send(frames.write(End(AttemptId(*self.job.id), "completed", {"y": 1.0})))


def crowd(n: int, reports: int) -> str:
    """How many reports a second a coordinator takes from so many workers, and what of a core it needs."""

    class Played(rung.Remote):
        def start(self, work):
            nodes = super().start(work)
            threading.Thread(target=play, args=(nodes.port,), daemon=True).start()
            return nodes

    def play(port: int) -> None:
        selector = selectors.DefaultSelector()
        players = [Player(port) for _ in range(n)]
        for player in players:
            selector.register(player.link, selectors.EVENT_READ, player)
        while selector.get_map():
            for key, _ in selector.select(1.0):
                try:
                    key.data.play()
                except (EOFError, OSError, ValueError):
                    selector.unregister(key.fileobj)

    with tempfile.TemporaryDirectory() as folder:
        wall, cpu = time.perf_counter(), time.thread_time()
        rung.tune(
            reporting, {"x": rung.Float(0, 1)}, metric="y", max_resource=EPOCHS, n_trials=reports // EPOCHS,
            seed=0, searcher="random", executor=Played("127.0.0.1:0", token=TOKEN), storage=folder,
            durability="process", progress=False,
        )  # fmt: skip
        wall, cpu = time.perf_counter() - wall, time.thread_time() - cpu
    done = reports // EPOCHS * EPOCHS
    return (
        f"{n} workers, one coordinator: {done / wall:.0f} reports a second, {1e6 * cpu / done:.0f} us of "
        f"its core each: {1e5 * cpu / done:.0f} % of a core at 1,000 reports a second"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n-workers", type=int, default=2)
    parser.add_argument("--reports", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--crowd", type=int)
    arguments = parser.parse_args()
    if arguments.crowd:
        print(crowd(arguments.crowd, max(arguments.reports, 100 * arguments.crowd)))
        return
    for line in beside_processes(arguments.n_workers, arguments.reports, arguments.rounds):
        print(line)


if __name__ == "__main__":
    main()
