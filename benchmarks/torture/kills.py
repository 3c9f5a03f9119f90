"""Kill a study at random moments until it is done, start it again each time, and audit what it left.

    python -m benchmarks.torture.kills --kills 1000              # studies with the seeds 0, 1, ...
    python -m benchmarks.torture.kills --kills 1 --seed 17       # the study of seed 17 again
    python -m benchmarks.torture.kills --n-workers 1 --kills 500 # in one process, over all schedulers

Each study has 2 worker processes under ASHA, with pauses and checkpoints, and every attempt has 2 children,
one of which left the session. Victims are the coordinator, a worker, a guard, a child, or several at once,
always by SIGKILL; a seed fixes their order and the pauses between. The workers write down outside of rung
what was acknowledged to them. The exit code is 1 at the first violation.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psutil

import rung
from rung import schedulers
from rung.storage.sqlite import SqliteStorage
from rung.study.events import Event, Reported
from rung.testing import check_decisions, check_log

SCRIPT = Path(__file__).with_name("study.py")
VICTIMS = {"coordinator": 2, "worker": 3, "guard": 3, "child": 2, "coordinator and guards": 1, "all": 1}
"""Who is killed, and how often."""
VICTIMS_OF_ONE = [kind for kind in VICTIMS if kind != "worker"]
"""With one worker, which is the coordinator itself."""
AGAIN = "python -m benchmarks.torture.kills"
SCHEDULERS = ("fifo", "asha", "successive-halving", "hyperband", "median", "pbt")
KILLS = 25
"""Of one study at most; then it is let end."""
PROMISE = 2.0
"""Seconds within which a killed worker's or coordinator's processes are gone."""
PATIENCE = 60.0
"""Seconds without a sign of life until we give up waiting: how long things take depends on the machine."""


@dataclass
class Study:
    """A study to be killed: the same command again and again."""

    folder: Path
    n_trials: int
    n_workers: int = 2
    scheduler: str = "asha"
    searcher: str = "random"  # what learns depends on which of two workers is first
    forks: bool = False
    """Whether the objective forks too; nobody finds a fork once its guard was killed with the coordinator."""
    guarded: bool = True
    """Whether nobody has killed the guard of this run."""
    runs: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    """Seconds until the processes that should be gone were."""
    digest: str = ""
    """What the run that ended the study had in memory."""

    @property
    def options(self) -> dict[str, Any]:
        """What `rung.tune` is given."""
        return {
            "n_trials": self.n_trials, "n_workers": self.n_workers, "scheduler": self.scheduler,
            "searcher": self.searcher, "max_resource": 9, "metric": "y", "seed": 3, "retries": 10**6,
        }  # fmt: skip

    def torture(self, seed: int, kills: int, victims: Collection[str] = tuple(VICTIMS)) -> None:
        """Kill `kills` times (fewer if the study is done before), then let it end."""
        rng = random.Random(seed)
        weights = [VICTIMS[kind] for kind in victims]
        plan = [(rng.choices(list(victims), weights)[0], rng.random(), rng.random()) for _ in range(kills)]
        try:
            self._torture(plan)
        except BaseException:
            for process in self.survivors(self.runs + 1):
                process.kill()
            raise

    def _torture(self, plan: Iterable[tuple[str, float, float]]) -> None:
        process = self.start()
        for kind, pause, which in plan:
            if which < 0.8:  # the others are killed soon after their start, if that is where they are
                self.await_work(process)
            with suppress(subprocess.TimeoutExpired):
                process.wait(pause * 0.3)
            if not self.kill(process, kind, which):
                break
            self.kills[kind] += 1
            if process.poll() is not None:
                assert process.returncode in {0, -signal.SIGKILL}, (self.folder / "stderr").read_text()
                process = self.start()
        self.end(process)

    def start(self) -> subprocess.Popen[str]:
        self.folder.mkdir(exist_ok=True)
        (self.folder / "acks").touch()
        self.runs += 1
        command = [sys.executable, str(SCRIPT), str(self.folder), json.dumps(self.options)]
        environment = {**psutil.Process().environ(), "RUNG_TORTURE": f"{self.folder}:{self.runs}"}
        if self.forks:
            environment["RUNG_TORTURE_FORKS"] = "1"
        self.guarded = True
        with (self.folder / "stderr").open("w") as log:
            return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)

    def end(self, process: subprocess.Popen[str]) -> None:
        while True:
            before = (self.folder / "acks").stat().st_size
            try:
                out, _ = process.communicate(timeout=PATIENCE)
                break
            except subprocess.TimeoutExpired:
                # However slow the machine is, a study that is at work acknowledges something in a minute.
                assert (self.folder / "acks").stat().st_size > before, f"no report within {PATIENCE:g} s"
        assert process.returncode == 0, (self.folder / "stderr").read_text()
        self.digest = out.strip()
        self.await_gone("end", lambda: self.survivors(self.runs + 1))

    def await_work(self, process: subprocess.Popen[str]) -> None:
        """Wait for the next acknowledgement or the end; by then earlier runs have left nothing."""
        before = (self.folder / "acks").stat().st_size
        await_(lambda: process.poll() is not None or (self.folder / "acks").stat().st_size > before)
        self.await_gone("an earlier run", lambda: self.survivors(self.runs))

    def survivors(self, before: int, since: int = 0) -> list[psutil.Process]:
        """Processes of the runs from `since` to `before`, which is not among them."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                folder, _, number = process.environ().get("RUNG_TORTURE", "").rpartition(":")
                if folder == str(self.folder) and since <= int(number) < before and is_alive(process):
                    found.append(process)
        return found

    def guards(self) -> list[psutil.Process]:
        """That of a single worker's children; IndexError if it is still to come."""
        found = []
        for process in self.survivors(self.runs + 1, since=self.runs):
            with suppress(psutil.Error):
                if process.cmdline()[0] == sys.executable and "children_guard" in " ".join(process.cmdline()):
                    found.append(process)
        if self.guarded and not found:
            raise IndexError("no guard yet")
        return found

    def await_gone(self, kind: str, left: Callable[[], Collection[psutil.Process]]) -> None:
        began = time.monotonic()
        await_(lambda: not left(), lambda: f"after {kind!r} {left()}")
        self.slowest = max(self.slowest, time.monotonic() - began)

    def kill(self, process: subprocess.Popen[str], kind: str, which: float) -> bool:
        """Kill, and wait until all that is to follow is gone; False if the study ended before."""
        try:
            coordinator = psutil.Process(process.pid)
        except psutil.NoSuchProcess:
            return False
        deadline = time.monotonic() + PATIENCE
        if kind == "guard" and not self.guarded:
            kind = "coordinator and guards"
        while process.poll() is None:
            with suppress(psutil.NoSuchProcess, IndexError):
                if self.n_workers == 1:
                    victims, followers = choose_of_one(coordinator, self.guards(), kind, which), []
                    self.guarded &= "guard" not in kind
                else:
                    victims, followers = choose(coordinator, kind, which)
                strike(victims)
                if coordinator in victims:
                    process.communicate()
                if kind == "coordinator" and self.guarded:
                    # Its guards see to the rest. What earlier runs left waits for who takes the study.
                    self.await_gone(kind, lambda: self.survivors(self.runs + 1, since=self.runs))
                self.await_gone(kind, partial(living, [*victims, *followers]))
                return True
            assert time.monotonic() < deadline, f"no {kind} to kill"
            time.sleep(0.005)
        return False


def choose(
    coordinator: psutil.Process, kind: str, which: float
) -> tuple[list[psutil.Process], list[psutil.Process]]:
    """Who is killed, and who is to die of it; IndexError if there is none now."""
    guards = coordinator.children()
    if kind == "coordinator":
        return [coordinator], []
    if kind == "coordinator and guards":
        return [coordinator, *guards], [worker for guard in guards for worker in guard.children()]
    if kind == "all":
        return [coordinator, *coordinator.children(recursive=True)], []
    # A worker at work has children. Those that die before they are ready, one after another, are an error.
    busy = [guard for guard in guards if any(worker.children() for worker in guard.children())]
    guard = busy[int(which * len(busy))]
    worker = guard.children()[0]
    if kind == "child":
        return [worker.children()[0]], []
    victim = guard if kind == "guard" else worker
    return [victim], victim.children(recursive=True)


def choose_of_one(
    coordinator: psutil.Process, guards: list[psutil.Process], kind: str, which: float
) -> list[psutil.Process]:
    """Who is killed where the coordinator is the only worker; IndexError if there is none now."""
    children = coordinator.children(recursive=True)
    return {
        "coordinator": [coordinator],
        "coordinator and guards": [coordinator, *guards],
        "all": [coordinator, *guards, *children],
        "guard": guards[:1],
        "child": children and [children[int(which * len(children))]],
    }[kind]


def strike(victims: Sequence[psutil.Process]) -> None:
    """Kill them; NoSuchProcess, and nobody is killed, if the first is gone."""
    victims[0].kill()  # IndexError where there is none
    for victim in victims[1:]:
        with suppress(psutil.NoSuchProcess):
            victim.kill()


def living(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    return [process for process in processes if is_alive(process)]


def is_alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def await_(condition: Callable[[], bool], told: Callable[[], str] = str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE:g} s: {told()}"
        time.sleep(0.005)


def log_of(study: Study) -> list[Event]:
    return list(SqliteStorage(study.folder / "studies").read("tortured"))


def audit(study: Study) -> dict[str, int]:
    """Check what a study left against what its workers were told; AssertionError names what is wrong."""
    events = log_of(study)
    state = check_log(events, n_trials=study.n_trials, capacity=study.n_workers)
    assert (state.ended, len(state.trials), state.open) == ("done", study.n_trials, {})
    assert {t.status for t in state.trials} <= {"completed", "stopped"}, state.counts
    assert state.digest() == study.digest, "the log folds to another state than the last run had"
    if study.scheduler != "pbt":  # whose trials begin from others, in the order in which those went on
        assert [t.config for t in state.trials] == undisturbed_configs(study)
    decisions = check_decisions(events, schedulers.get(study.scheduler))
    logged = {e.id: f"{e.resource} {e.metrics['y']!r}" for e in events if isinstance(e, Reported)}
    told = [line.partition(" ") for line in (study.folder / "acks").read_text().splitlines()]
    assert len(told) == len({event_id for event_id, _, _ in told}), "a report was acknowledged twice"
    for event_id, _, values in told:
        assert logged.get(event_id) == values, (
            f"{event_id} was acknowledged with {values}; logged: {logged.get(event_id)}"
        )
    complaints = study.folder / "complaints"
    assert not complaints.exists(), complaints.read_text()
    outcomes = Counter(attempt.outcome for trial in state.trials for attempt in trial.attempts)
    return {"sessions": len(state.sessions), "reports": len(logged), "acknowledged": len(told),
            "decisions": decisions, **outcomes}  # fmt: skip


def undisturbed_configs(study: Study) -> list[dict[str, object]]:
    """What a study that nobody kills tries."""

    def objective(config: dict[str, float], trial: Any) -> None:
        for epoch in trial.epochs():
            trial.report(epoch=epoch, y=config["x"] / epoch)

    options = {**study.options, "n_workers": 1}
    same = rung.tune(objective, {"x": rung.Float(0, 1)}, storage=":memory:", progress=False, **options)
    return [t.config for t in same.trials]


def studies(
    kills: int, seed: int, n_trials: int = 150, n_workers: int = 2
) -> Iterator[tuple[Study, dict[str, int]]]:
    """Tortured and audited studies, of seed after seed, until there were so many kills."""
    done = 0
    while done < kills:
        with tempfile.TemporaryDirectory(prefix="torture-") as folder:
            study, victims = Study(Path(folder), n_trials, n_workers), list(VICTIMS)
            if n_workers == 1:
                study.scheduler = SCHEDULERS[seed % len(SCHEDULERS)]
                study.forks = seed // len(SCHEDULERS) % 2 == 1
                victims = ["coordinator", "child"] if study.forks else VICTIMS_OF_ONE
            try:
                study.torture(seed, KILLS, victims)
                facts = audit(study)
            except AssertionError as violation:
                violation.add_note(f"again: {AGAIN} --n-workers {n_workers} --kills 1 --seed {seed}")
                raise
            yield study, facts
        done += study.kills.total()
        seed += 1


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="of the first study")
    parser.add_argument("--n-workers", type=int, default=2, help="with 1, over all schedulers in turn")
    options = parser.parse_args()
    began, kills, found, slowest = time.monotonic(), Counter[str](), Counter[str](), 0.0
    for seed, (study, facts) in enumerate(
        studies(options.kills, options.seed, n_workers=options.n_workers), options.seed
    ):
        kills += study.kills
        found += Counter(facts)
        slowest = max(slowest, study.slowest)
        print(
            f"seed {seed}, {study.scheduler}: {dict(study.kills)}, {facts}, gone in {study.slowest:.2f} s",
            flush=True,
        )
    print(f"\n{kills.total()} kills in {time.monotonic() - began:.0f} s: {dict(kills)}")
    print(f"0 violations; {dict(found)}")
    print(f"all that was to be gone was so within {slowest:.2f} s (promised: {PROMISE:g} s)")
    sys.exit(slowest > PROMISE)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main()
