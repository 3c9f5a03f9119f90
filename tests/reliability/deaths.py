"""Ways for a worker to die, and ways not to: objectives for test_deaths.py, importable by workers."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path


def kill(number):
    return lambda: os.kill(os.getpid(), number)


def daemons():
    """A child, one that left the session, and an orphan that left it too."""
    for leaves in (False, True):
        subprocess.Popen(["sleep", "600"], start_new_session=leaves)
    orphan = "import subprocess; subprocess.Popen(['sleep', '600'], start_new_session=True)"
    subprocess.run([sys.executable, "-S", "-c", orphan], check=True)


def fork_bomb(generations=4):
    """30 processes, each other one in a session of its own, and one that flees by forking."""
    for leaves in (False, True):
        if os.fork() == 0:
            if leaves:
                os.setsid()
            if generations > 1:
                fork_bomb(generations - 1)
            time.sleep(600)
            os._exit(0)
    if generations == 4 and os.fork() == 0:
        for _ in range(
            5000
        ):  # more than any test waits; for ever, it would outlive a test run that is killed
            if os.fork():
                break
            os.setsid()
            time.sleep(0.01)
        os._exit(0)


def and_then(*steps):
    def do():
        for step in steps:
            step()

    return do


def close_all():
    os.closerange(3, 256)


def exit_in_a_thread():
    threading.Thread(target=os._exit, args=(5,)).start()
    time.sleep(600)


DEATHS = {
    "SIGKILL": (kill(signal.SIGKILL), "killed by SIGKILL (out of memory?)"),
    "SIGTERM": (kill(signal.SIGTERM), "killed by SIGTERM"),
    "a signal without a name": (kill(signal.SIGRTMIN + 3), f"killed by signal {signal.SIGRTMIN + 3}"),
    "null dereference": (lambda: ctypes.string_at(0), "killed by SIGSEGV"),
    "stack overflow": (faulthandler._stack_overflow, "killed by SIGSEGV"),
    "abort": (os.abort, "killed by SIGABRT"),
    "exit 0": (lambda: os._exit(0), "exit code 0"),
    "exit 3": (lambda: os._exit(3), "exit code 3"),
    "exit in a thread": (exit_in_a_thread, "exit code 5"),
    "its line to rung closed": (close_all, "exit code 1"),
    "its guard killed": (and_then(daemons, lambda: os.kill(os.getppid(), signal.SIGKILL), lambda: time.sleep(600)),
                         "its guard was killed"),
    "daemons left behind": (and_then(daemons, kill(signal.SIGKILL)), "killed by SIGKILL (out of memory?)"),
    "a fork bomb left behind": (and_then(fork_bomb, lambda: os._exit(0)), "exit code 0"),
}  # fmt: skip


def dies(config, trial):
    """The first attempt dies in the trial's own way."""
    if trial.attempt == 1:
        list(DEATHS.values())[trial.number][0]()
    return config["x"]


def leaves_daemons(config):
    daemons()
    return config["x"]


def ignore_sigterm():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)


def block_all_signals():
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    time.sleep(600)


def hold_the_gil():
    ctypes.PyDLL(None).sleep(600)


def fork_and_wait():
    fork_bomb()
    time.sleep(600)


STUBBORN = [kill(signal.SIGSTOP), ignore_sigterm, block_all_signals, hold_the_gil, fork_and_wait]


def never_ends(config, trial):
    daemons()
    (Path(os.environ["RUNG_TEST_NOTES"]) / str(trial.number)).touch()
    STUBBORN[trial.number]()


class LeavesDaemonsWhenItIsLoaded:
    """An objective whose module starts processes, as some do, and that does so itself too."""

    def __call__(self, config, trial):
        daemons()
        (Path(os.environ["RUNG_TEST_NOTES"]) / f"run-{os.getpid()}").touch()
        time.sleep(60)

    def __setstate__(self, state):
        daemons()
        (Path(os.environ["RUNG_TEST_NOTES"]) / f"loaded-{os.getpid()}").touch()

    def __getstate__(self):
        return {"some": "state"}


def stops_its_guard(config, trial):
    """All but the first trial: with daemons around, and without an end."""
    if trial.number:
        daemons()
        os.kill(os.getppid(), signal.SIGSTOP)
        (Path(os.environ["RUNG_TEST_NOTES"]) / f"stopped-{trial.number}").touch()
        time.sleep(600)
    return config["x"]
