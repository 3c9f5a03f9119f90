"""The live page of a large study: how long until it is seen, and what its server costs.

    python benchmarks/dashboard.py --trials 10000 --reports 100

Makes the study (in a folder, without a run), serves it by `rung dashboard` in a process of its own, and measures: opening
(the log is read), first paint (navigation to drawn plots), an update (a report to the redrawn page), the server's
memory, and its CPU while nothing changes. Without Playwright, the answers of the server stand for the browser.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil

import rung
from rung.storage import Owner, open_storage
from rung.study.events import (
    AttemptEnded,
    AttemptStarted,
    Reported,
    SessionStarted,
    StudyCreated,
    TrialCreated,
)

NAME = "large"


def make(folder: Path, trials: int, reports: int) -> None:
    """Write the log of a study as its coordinator would have."""
    space = rung.Space(
        {**{f"h{i}": rung.Float(0, 1) for i in range(6)}, "kind": rung.Categorical(["a", "b", "c"])}
    )
    storage, noise = open_storage(folder, "process"), random.Random(0)
    goals = {"metric": {"error": "min"}, "constraints": {}, "report_only": []}
    storage.create(NAME, StudyCreated(id="study", t=0.0, space=space.to_json(), goals=goals, seed=0))
    lease = storage.acquire(NAME, Owner("here", 1, time.time()))
    plan = {"n_trials": trials, "max_resource": reports}
    t, events = (
        0.0,
        [SessionStarted(id="s1", t=0.0, epoch=1, wall=time.time(), owner={}, plan=plan, versions={})],
    )
    for n in range(trials):
        config = {**{f"h{i}": noise.random() for i in range(6)}, "kind": noise.choice("abc")}
        events.append(
            TrialCreated(id=f"t{n}", t=t, trial=n, config=space.config_to_json(config), origin="searcher")
        )
        events.append(AttemptStarted(id=f"t{n}/a1", t=t, trial=n, attempt=1))
        for e in range(1, reports + 1):
            t += 0.01
            error = config["h0"] + math.exp(-e / 20) + noise.gauss(0, 0.01)
            events.append(
                Reported(
                    id=f"t{n}/a1/r{e}",
                    t=t,
                    trial=n,
                    attempt=1,
                    number=e,
                    resource=e,
                    metrics={"error": error},
                )
            )
        if n < trials - 1:
            events.append(
                AttemptEnded(
                    id=f"t{n}/a1/end", t=t, trial=n, attempt=1, outcome="completed", metrics={"error": error}
                )
            )
        if len(events) > 20_000 or n == trials - 1:
            storage.append(lease, events)
            events = []
    storage.release(lease)


def more(folder: Path, trials: int, reports: int) -> float:
    """One more report of the trial that runs; returns when it was durable."""
    storage = open_storage(folder, "process")
    lease = storage.acquire(NAME, Owner("here", 1, time.time()))
    event = Reported(
        id="late",
        t=1e6,
        trial=trials - 1,
        attempt=1,
        number=reports + 1,
        resource=reports + 1,
        metrics={"error": 0.5},
    )
    storage.append(lease, [event])
    storage.release(lease)
    return time.monotonic()


def measured(folder: Path, trials: int, reports: int) -> None:
    command = [sys.executable, "-m", "rung", "dashboard", NAME, "--storage", str(folder), "--port", "0"]
    began = time.monotonic()
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        address = server.stdout.readline().split("#")[0].split()[0]
        print(f"open         {time.monotonic() - began:6.2f} s   the log is read, the page is served")
        process = psutil.Process(server.pid)
        began = time.monotonic()
        data = urllib.request.urlopen(f"{address}api/study?study={NAME}").read()
        print(
            f"document     {time.monotonic() - began:6.2f} s   {len(data) / 1e6:.1f} MB of JSON, {len(json.loads(data)['trials']['number'])} trials"
        )
        try:
            browser(address, folder, trials, reports)
        except ImportError:
            print("no Playwright here: no paint, no update")
        print(f"memory       {process.memory_info().rss / 1e6:6.0f} MB")
        stream = urllib.request.urlopen(f"{address}api/events?study={NAME}")
        before, start = sum(process.cpu_times()[:2]), time.monotonic()
        time.sleep(10)
        print(
            f"idle CPU     {100 * (sum(process.cpu_times()[:2]) - before) / (time.monotonic() - start):6.1f} %    of a core, with a page open"
        )
        stream.close()
    finally:
        server.terminate()
        server.wait()


def browser(address: str, folder: Path, trials: int, reports: int) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        tab = started.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"]).new_page()
        tab.goto("about:blank")
        for what in ("first paint", "second paint"):
            tab.goto("about:blank")
            began = time.monotonic()
            tab.goto(f"{address}#/study/{NAME}/overview")
            tab.wait_for_selector("main[data-version]", timeout=120_000)
            print(
                f"{what:<12} {time.monotonic() - began:6.2f} s   overview drawn: {tab.locator('canvas[data-marks]').count()} plots"
            )
        version = tab.get_attribute("main", "data-version")
        began = more(folder, trials, reports)
        while tab.get_attribute("main", "data-version") == version:
            time.sleep(0.01)
        print(f"update       {time.monotonic() - began:6.2f} s   from a durable report to the redrawn page")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--reports", type=int, default=100)
    parser.add_argument("--folder", type=Path, help="where the study is kept for the next time")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        place = given.folder or Path(temporary)
        if not list(place.glob(f"{NAME}*")):
            began = time.monotonic()
            make(place, given.trials, given.reports)
            print(
                f"made         {time.monotonic() - began:6.2f} s   {given.trials} trials of {given.reports} reports"
            )
        measured(place, given.trials, given.reports)
