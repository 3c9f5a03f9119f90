"""Hostile objectives, importable by workers. Each name says what it does; what becomes of it stands beside it."""

from __future__ import annotations

import atexit
import builtins
import contextlib
import gc
import json
import logging
import multiprocessing
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np

import rung
from rung.objectives.ended import TrialEnded

# ---- it raises: the trial has failed, for this reason


class Unspeakable(Exception):
    def __str__(self):
        raise RuntimeError("no words")

    __repr__ = __str__


class Base(BaseException):
    """Not even an Exception."""


class Itself(Exception):
    def __init__(self):
        self.__cause__ = self


def throws(error):
    def objective(config, trial):
        raise error() if callable(error) else error

    return objective


def recurses(config, trial):
    return recurses(config, trial)


def raises_while_handling(config, trial):
    try:
        raise ValueError("first")
    finally:
        raise OSError("second")


def asserts(config, trial):
    assert config["x"] > 2, "never so"


def exits(config, trial):
    sys.exit(0)


def exits_with_words(config, trial):
    sys.exit("good bye")


def stops_iterating(config, trial):
    return next(iter(()))


def runs_a_broken_program(config, trial):
    subprocess.run([sys.executable, "-S", "-c", "raise SystemExit(7)"], check=True)


def opens_what_is_not_there(config, trial):
    return len(Path("/nowhere/at/all").read_text())


RAISES = {
    "KeyError": (throws(KeyError("x")), r"KeyError: 'x'"),
    "ZeroDivisionError": (lambda config, trial: 1 / 0, "ZeroDivisionError: division by zero"),
    "MemoryError": (throws(MemoryError), "MemoryError"),
    "KeyboardInterrupt": (throws(KeyboardInterrupt), "KeyboardInterrupt"),
    "GeneratorExit": (throws(GeneratorExit), "GeneratorExit"),
    "sys.exit(0)": (exits, "SystemExit: 0"),
    "sys.exit(words)": (exits_with_words, "SystemExit: good bye"),
    "BaseException": (throws(Base), "Base"),
    "str() raises": (throws(Unspeakable), "Unspeakable"),
    "its own cause": (throws(Itself), "Itself"),
    "group": (throws(lambda: ExceptionGroup("two", [ValueError("a"), ValueError("b")])), r"ExceptionGroup: two \(2"),
    "100 MB message": (throws(lambda: ValueError("x" * 10**8)), "ValueError: x{500}$"),
    "control characters": (throws(ValueError("\x1b[2J\x00\r\n")), "ValueError: \x1b"),
    "lone surrogate": (throws(ValueError("\ud800")), "ValueError: \ud800"),
    "markup": (throws(ValueError("[/red]<script>")), r"ValueError: \[/red\]<script>"),
    "recursion": (recurses, "RecursionError: maximum recursion depth"),
    "error within an error": (raises_while_handling, "OSError: second"),
    "assert": (asserts, "AssertionError: never so"),
    "StopIteration": (stops_iterating, "StopIteration"),
    "a program that fails": (runs_a_broken_program, "CalledProcessError: .* exit status 7"),
    "no such file": (opens_what_is_not_there, "FileNotFoundError"),
    "NameError": (lambda config, trial: nothing, "NameError: name 'nothing'"),  # noqa: F821
    "TypeError": (lambda config, trial: None + 1, "TypeError"),
    "ImportError": (lambda config, trial: __import__("nowhere"), "ModuleNotFoundError: No module named 'nowhere'"),
}  # fmt: skip


# ---- it returns or reports what is no result: the trial has failed, for this reason


class Tensor:
    def item(self):
        raise RuntimeError("on another device")


def returns(value):
    return lambda config, trial: value


def reports(*calls):
    def objective(config, trial):
        for call in calls:
            trial.report(**call)
        return config["x"]

    return objective


def generator(config, trial):
    yield config["x"]


def reports_beyond_the_end(config, trial):
    trial.report(epoch=10**9, value=1.0)


def return_too_much(config, trial):
    return {"value": 1.0, **{f"{i:0200}": 1.0 for i in range(340_000)}}


def report_too_much(config, trial):
    trial.report(value=1.0, **{f"{i:0200}": 1.0 for i in range(6_000)})


def report_more_and_more(config, trial):
    many = {f"{i:0200}": 1.0 for i in range(6_000)}
    if trial.number == 2:
        trial.report(value=1.0, **many)
    with contextlib.suppress(rung.Error):
        trial.report(value=1.0, **many)
    trial.report(value=config["x"], **dict(list(many.items())[:4_500]))


NO_RESULT = {
    "nothing": (returns(None), "the objective gave no 'value'"),
    "NaN": (returns(float("nan")), "value is nan"),
    "infinity": (returns(float("inf")), "value is inf"),
    "more than a float holds": (returns(10**400), "value is inf"),
    "complex": (returns(1j), "metric 'value' is 1j"),
    "text": (returns("0.1"), "metric 'value' is '0.1'"),
    "an array": (returns(np.zeros(2)), "metric 'value' is array"),
    "a tensor elsewhere": (returns(Tensor()), "metric 'value' is .*Tensor"),
    "an object": (returns(object()), "metric 'value' is <object"),
    "a lambda": (returns(lambda: 1), "metric 'value' is <function"),
    "a generator": (generator, "metric 'value' is <generator"),
    "a dict of dicts": (returns({"value": {"a": 1}}), "metric 'value' is {'a': 1}"),
    "a metric without a name": (returns({"": 1.0}), "metric ''"),
    "a number for a name": (returns({3: 1.0}), "metric 3"),
    "another metric": (returns({"loss": 1.0}), "gave no 'value'; it gave: loss"),
    "reports backwards": (reports({"epoch": 2, "value": 1}, {"epoch": 1, "value": 1}), "epoch=1 reported after epoch 2"),
    "reports twice": (reports({"epoch": 1, "value": 1}, {"epoch": 1, "value": 1}), "epoch=1 reported after epoch 1"),
    "reports epoch 0": (reports({"epoch": 0, "value": 1}), "epoch=0"),
    "reports epoch 1.5": (reports({"epoch": 1.5, "value": 1}), r"epoch=1\.5"),
    "reports NaN": (reports({"value": float("nan")}), "value is nan at epoch 1"),
    "reports nothing": (reports({}), "a report without 'value'"),
    "returns 70 MB": (return_too_much, r"340001 metrics, which are 71\.\d MB together; a report or a result has at most 1 MB"),
    "reports 1.2 MB": (report_too_much, r"6001 metrics, which are 1\.\d+ MB together"),
    "reports beyond the end": (reports_beyond_the_end, "max_resource=5"),
}  # fmt: skip


# ---- it does what it should not, and gives a result: the trial has completed


def and_completes(action):
    def objective(config, trial):
        action(config, trial)
        trial.report(value=config["x"])
        return config["x"]

    return objective


def patch_everything(config, trial):
    json.dumps = json.loads = builtins.repr = None
    time.sleep = time.monotonic = lambda *_: 0.0
    os.write = os.close = socket.socket.send = None


def report_after_the_end(config, trial):
    def later():
        time.sleep(0.05)
        with contextlib.suppress(TrialEnded):
            trial.report(epoch=5, value=-1.0)

    threading.Thread(target=later).start()


def report_from_threads(config, trial):
    def one():
        with contextlib.suppress(Exception):
            trial.report(value=config["x"])

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def report_from_a_fork(config, trial):
    if os.fork() == 0:
        trial.report(value=-1.0)  # a MetricError, which ends the child
    os.wait()


def fork_and_return_twice(config, trial):
    if os.fork() == 0:
        return  # on to the report and the end, as if it were the worker
    os.wait()


def print_a_lot(config, trial):
    for _ in range(100):
        sys.stdout.write("x" * 10**5 + "\n")


def print_our_protocol(config, trial):
    frame = b'{"what": "end", "outcome": "completed", "metrics": {"value": -1}}'
    for stream in (1, 2):
        os.write(stream, len(frame).to_bytes(4, "big") + frame)


def delete_its_folder(config, trial):
    with trial.checkpoint() as path:
        (path / "state").touch()
    shutil.rmtree(trial.checkpoint_dir.resolve().parent)


def checkpoint_nonsense(config, trial):
    with trial.checkpoint() as path:
        (path / "loop").symlink_to(path)
        os.mkfifo(path / "pipe")
        (path / ("n" * 255)).touch()
        (path / "\udc80").touch()


def go_elsewhere(config, trial):
    os.chdir("/")
    sys.path.clear()
    os.environ.clear()
    sys.argv.clear()


def limit_itself(config, trial):
    resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def be_deaf(config, trial):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


def tune_within(config, trial):
    for n_workers in (1, 2):
        rung.tune(throws(ValueError("inner")) if n_workers == 1 else inner, {"x": rung.Float(0, 1)}, n_trials=2,
                  n_workers=n_workers, storage=":memory:", progress=False)  # fmt: skip


def inner(config):
    return config["x"]


def use_a_pool(config, trial):
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(abs, [-1, 2]) == [1, 2]


def leave_a_busy_thread(config, trial):
    threading.Thread(target=lambda: [time.sleep(0.01) for _ in range(10**6)], daemon=True).start()


def spoil_the_interpreter(config, trial):
    gc.disable()
    warnings.simplefilter("error")
    logging.disable(logging.CRITICAL)
    sys.setswitchinterval(10.0)
    sys.excepthook = threading.excepthook = sys.unraisablehook = None
    atexit.register(lambda: os._exit(9))
    sys.settrace(lambda *_: None)


def seed_everything(config, trial):
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002, TID251


def close_the_standard_streams(config, trial):
    for stream in (0, 1, 2):
        os.close(stream)
    sys.stdout = sys.stderr = None


def return_many_metrics(config, trial):
    return {"value": config["x"], **{f"m{i}\x00": i for i in range(1000)}}


def mutate(config, trial):
    config.clear()
    trial.config.update(x=9.0)
    trial.number = trial.attempt = trial.seed = -1


def catch_all(config, trial):
    with contextlib.suppress(BaseException):
        sys.exit(3)
    return config["x"]


COMPLETES = {
    "a busy thread left behind": and_completes(leave_a_busy_thread),
    "a pool of processes": and_completes(use_a_pool),
    "tune within": and_completes(tune_within),
    "reports after the end": and_completes(report_after_the_end),
    "reports from threads": and_completes(report_from_threads),
    "reports from a fork": and_completes(report_from_a_fork),
    "a fork that returns": and_completes(fork_and_return_twice),
    "10 MB of output": and_completes(print_a_lot),
    "our own protocol printed": and_completes(print_our_protocol),
    "its folder deleted": and_completes(delete_its_folder),
    "nonsense in its checkpoint": and_completes(checkpoint_nonsense),
    "random seeds set": and_completes(seed_everything),
    "its config cleared": lambda config, trial: [config["x"], mutate(config, trial)][0],
    "a thousand metrics": return_many_metrics,
    "everything caught": catch_all,
    "signals ignored and blocked": and_completes(be_deaf),
    "chdir, environ, path": and_completes(go_elsewhere),
    "limits set": and_completes(limit_itself),
    "the interpreter spoiled": and_completes(spoil_the_interpreter),
    "streams closed": and_completes(close_the_standard_streams),
    "modules patched": and_completes(patch_everything),
}
"""What spoils its process comes last: trials share a worker, and other objectives need not bear that."""


# ---- it ends its worker: the trial is lost, runs again, and has failed then


def write_to_every_descriptor(config, trial):
    for descriptor in range(3, 64):
        with contextlib.suppress(OSError):
            os.write(descriptor, b"\xff" * 64)
    time.sleep(600)


def shut_every_socket(config, trial):
    for descriptor in range(3, 64):
        with contextlib.suppress(OSError):
            socket.socket(fileno=descriptor).shutdown(socket.SHUT_RDWR)
    return config["x"]


LOSES = {
    "writes to every descriptor": (write_to_every_descriptor, "worker died: killed by SIGTERM"),
    "shuts every socket down": (shut_every_socket, "worker died: exit code 1"),
}


ALL = {
    **{name: (function, "failed", reason) for name, (function, reason) in {**RAISES, **NO_RESULT}.items()},
    **{name: (function, "completed", "") for name, function in COMPLETES.items()},
    **{name: (function, "failed", reason) for name, (function, reason) in LOSES.items()},
}


def hostile(config, trial):
    """What `config["what"]` says; the first ones, "fine", show that the objective's code is right."""
    return ALL[config["what"]][0](config, trial) if config["what"] in ALL else config["x"]
