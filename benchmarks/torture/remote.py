"""Kill, stop and cut off the workers of a study, and its coordinator, at random; then audit what is left.

    python -m benchmarks.torture.remote --faults 100            # 4 workers, the seed 0
    python -m benchmarks.torture.remote --faults 100 --seed 7   # another order

Workers reach the coordinator through a proxy that cuts connections, holds bytes back, drops, doubles and
changes them. A worker or a trial's process is killed, a worker is stopped for up to twice its lease, the
coordinator is killed and started again by the same line. The exit code is 1 at the first violation.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
from benchmarks.torture.kills import is_alive
from benchmarks.torture.study import check_checkpoint

import rung
from rung.storage.sqlite import SqliteStorage
from rung.study.events import AttemptEnded, Reported
from rung.testing import check_decisions, check_log

LEASE = 3.0
FAULTS = {"cut": 4, "hold": 2, "drop": 2, "double": 2, "change": 2, "stop": 2, "kill worker": 3,
          "kill trial": 2, "kill coordinator": 1}  # fmt: skip
"""What is done, and how often."""
TOKEN = "5e" * 32
TRIALS_PER_FAULT = 2
PATIENCE = 30.0
"""Seconds after the end in which nothing may be left."""


class Proxy:
    """A way to the coordinator, on which things go wrong."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._lock = threading.Lock()
        self._fault, self._pairs = "", list[tuple[socket.socket, socket.socket]]()
        threading.Thread(target=self._accept, daemon=True).start()

    def fault(self, kind: str) -> None:
        """Have it happen to what comes next; a cut happens to one connection now."""
        with self._lock:
            self._fault = kind
            if kind == "cut" and self._pairs:
                for end in random.choice(self._pairs):
                    with contextlib.suppress(OSError):
                        end.shutdown(socket.SHUT_RDWR)
                self._fault = ""

    def _accept(self) -> None:
        while True:
            client, _ = self._server.accept()
            try:
                target = socket.create_connection(("127.0.0.1", self._target), timeout=5)
            except OSError:
                client.close()
                continue
            with self._lock:
                self._pairs.append((client, target))
            threading.Thread(target=self._serve, args=(client, target), daemon=True).start()

    def _serve(self, client: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                for source in select.select([client, target], [], [])[0]:
                    data = source.recv(1 << 16)
                    if not data:
                        raise OSError
                    (target if source is client else client).sendall(self._spoil(data))
        with self._lock:
            self._pairs.remove((client, target))
        client.close()
        target.close()

    def _spoil(self, data: bytes) -> bytes:
        with self._lock:
            fault, self._fault = self._fault, ""
        match fault:
            case "hold":
                time.sleep(random.uniform(0, LEASE))
            case "drop":
                return b""
            case "double":
                return data + data
            case "change":
                place = random.randrange(len(data))
                return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        return data


def objective(config: dict[str, Any], trial: Any) -> None:
    folder = Path(os.environ["RUNG_TORTURE"])
    check_checkpoint(trial, folder / "complaints")
    acks = os.open(folder / "acks", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for number, epoch in enumerate(trial.epochs(), 1):
        time.sleep(0.02)
        with trial.checkpoint() as path:
            (path / "epoch").write_text(str(epoch))
        y = config["x"] / epoch
        trial.report(epoch=epoch, y=y)
        os.write(acks, f"t{trial.number}/a{trial.attempt}/r{number} {y!r}\n".encode())
    os.close(acks)


def coordinate(folder: str, port: str, n_trials: str) -> None:
    remote = rung.Remote(f"127.0.0.1:{port}", token=TOKEN, lease=LEASE, max_losses=10**6)
    rung.tune(objective, {"x": rung.Float(0, 1)}, metric="y", n_trials=int(n_trials), max_resource=9,
              scheduler="asha", searcher="random", seed=3, retries=10**6, executor=remote, storage=folder,
              name="far", progress=False)  # fmt: skip


class Torture:
    def __init__(self, folder: Path, n_workers: int, faults: int) -> None:
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.proxy = Proxy(port)
        self.log = (folder / "output").open("wb")
        self.environment = {**os.environ, "RUNG_TORTURE": str(folder), "RUNG_TOKEN": TOKEN}
        me = [sys.executable, "-m", "benchmarks.torture.remote"]
        self.line = [*me, "--coordinate", str(folder), str(port), str(faults * TRIALS_PER_FAULT)]
        self.worker = [sys.executable, "-m", "rung", "worker", f"127.0.0.1:{self.proxy.port}"]
        self.coordinator = self.start(self.line)
        self.workers = [self.start(self.worker) for _ in range(n_workers)]

    def start(self, command: list[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, env=self.environment, stdout=self.log, stderr=subprocess.STDOUT)

    def acknowledged(self) -> list[str]:
        acks = self.folder / "acks"
        return acks.read_text().splitlines() if acks.exists() else []

    def await_work(self, more: int = 3) -> bool:
        """Wait for the next acknowledgements; False if the study is over."""
        before, deadline = len(self.acknowledged()), time.monotonic() + 120
        while len(self.acknowledged()) < before + more:
            self.replace()
            if self.coordinator.poll() is not None:
                assert self.coordinator.returncode == 0, (self.folder / "output").read_text()[-3000:]
                return False
            assert time.monotonic() < deadline, (self.folder / "output").read_text()[-3000:]
            time.sleep(0.02)
        return True

    def replace(self) -> None:
        for place, worker in enumerate(self.workers):
            if worker.poll() not in {None, 0}:  # 0: the study is over
                self.workers[place] = self.start(self.worker)

    def strike(self, kind: str, rng: random.Random) -> None:
        victim = rng.choice(self.workers)
        if kind == "kill coordinator":
            self.coordinator.kill()
            self.coordinator.wait()
            self.coordinator = self.start(self.line)
        elif kind == "kill worker":
            victim.kill()
        elif kind == "kill trial":
            with contextlib.suppress(psutil.Error, IndexError):
                psutil.Process(victim.pid).children()[0].children()[0].kill()
        elif kind == "stop":
            victim.send_signal(signal.SIGSTOP)
            threading.Timer(rng.uniform(0, 2 * LEASE), victim.send_signal, [signal.SIGCONT]).start()
        else:
            self.proxy.fault(kind)

    def run(self, seed: int, faults: int) -> Counter[str]:
        rng, done = random.Random(seed), Counter[str]()
        random.seed(seed)
        for kind in rng.choices(list(FAULTS), list(FAULTS.values()), k=faults):
            if not self.await_work(rng.randrange(1, 6)):
                break
            self.strike(kind, rng)
            done[kind] += 1
        while self.await_work():
            pass
        return done

    def left(self) -> list[str]:
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("RUNG_TORTURE") == str(self.folder) and is_alive(process):
                    found.append(" ".join(process.cmdline()))
        return found

    def audit(self) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE
        while self.left():
            assert time.monotonic() < deadline, f"left after {PATIENCE:g} s: {self.left()}"
            time.sleep(0.1)
        events = list(SqliteStorage(self.folder).read("far"))
        state = check_log(events, n_trials=None)
        check_decisions(events, rung.schedulers.ASHA())
        stored = {event.id: event for event in events if isinstance(event, Reported)}
        for line in self.acknowledged():
            report, y = line.split()
            assert report in stored, f"{report} was acknowledged and is not stored"
            assert repr(stored[report].metrics["y"]) == y, f"{report} is stored with another value"
        complaints = self.folder / "complaints"
        assert not complaints.exists(), complaints.read_text()
        assert (state.ended, state.counts["failed"]) == ("done", 0)
        outcomes = Counter(event.outcome for event in events if isinstance(event, AttemptEnded))
        return {"trials": len(state.trials), "acknowledged": len(self.acknowledged()), "stored": len(stored),
                "sessions": len(state.sessions), **outcomes}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--coordinate", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.coordinate:
        coordinate(*arguments.coordinate)
        return
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        torture = Torture(Path(folder), arguments.workers, arguments.faults)
        try:
            done = torture.run(arguments.seed, arguments.faults)
            print(dict(done))
            print(torture.audit())
        finally:
            for process in (torture.coordinator, *torture.workers):
                process.kill()
                process.wait()
            torture.log.close()


if __name__ == "__main__":
    main()
