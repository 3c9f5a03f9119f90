"""`rung worker` processes on this machine, as tests start them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import rung

TOKEN = "5e" * 32
SOURCE = Path(rung.__file__).parents[1]
BOOT = "import sys; sys.argv[0] = 'rung'; from rung.cli.main import main; main()"


def start_worker(port, *flags, token=TOKEN, output=subprocess.DEVNULL, host="127.0.0.1", folder=None):
    env = {**os.environ, "RUNG_TOKEN": token, "PYTHONPATH": f"{SOURCE}:{Path(__file__).parents[1]}"}
    command = [sys.executable, "-c", BOOT, "worker", f"{host}:{port}", *flags]
    return subprocess.Popen(command, env=env, stdout=output, stderr=subprocess.STDOUT, cwd=folder)


class WithWorkers(rung.Remote):
    """A `Remote` that starts its workers itself."""

    def __init__(self, n=2, *flags, **arguments):
        super().__init__("127.0.0.1:0", token=TOKEN, **arguments)
        self.n, self.flags, self.workers = n, flags, []

    def start(self, work):
        nodes = super().start(work)
        self.port = nodes.port
        self.workers = [start_worker(nodes.port, *self.flags) for _ in range(self.n)]
        return nodes

    def wait(self, seconds=15):
        return [worker.wait(seconds) for worker in self.workers]

    def kill(self):
        for worker in self.workers:
            with contextlib.suppress(OSError):
                worker.kill()
            worker.wait()
