"""Run many seeds, or one of them step by step."""

from __future__ import annotations

import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import click

from rung.testing.faults.setting import Parts, Setting
from rung.testing.faults.world import World

_BLOCK = 50  # seeds that one process takes at a time


@dataclass(slots=True)
class Tally:
    """What came of some seeds."""

    seeds: int = 0
    steps: int = 0
    events: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    broken: dict[int, str] = field(default_factory=dict)
    """By seed: what is wrong."""

    def add(self, other: Tally) -> None:
        """Take the other one in."""
        self.seeds += other.seeds
        self.steps += other.steps
        self.events += other.events
        self.faults += other.faults
        self.broken |= other.broken


def run(seeds: Iterable[int], parts: Parts | None = None) -> Tally:
    """Run these seeds in this process."""
    tally = Tally()
    for seed in seeds:
        world = World(Setting.draw(seed), parts)
        try:
            world.run()
        except Exception as error:  # noqa: BLE001 -- whatever it is, the seed has found it
            tally.broken[seed] = f"{type(error).__name__}: {error}"
        tally.seeds += 1
        tally.steps += world.steps
        tally.events += len(world.log)
        tally.faults += world.counts
    return tally


def run_all(seeds: range, jobs: int) -> Tally:
    """Run these seeds on `jobs` processes."""
    tally = Tally()
    blocks = [
        range(first, min(first + _BLOCK, seeds.stop)) for first in range(seeds.start, seeds.stop, _BLOCK)
    ]
    with ProcessPoolExecutor(jobs) as pool:
        for part in pool.map(run, blocks):
            tally.add(part)
    return tally


@click.command()
@click.option("--seeds", default=2000, show_default=True, help="How many seeds.")
@click.option("--first", default=0, show_default=True, help="The first of them.")
@click.option("--jobs", default=1, show_default=True, help="On how many processes.")
@click.option("--seed", type=int, help="Run this seed alone and tell each step.")
def main(seeds: int, first: int, jobs: int, seed: int | None) -> None:
    """Simulate studies in which everything goes wrong, and check the invariants after every step."""
    if seed is not None:
        tell(seed)
        return
    began = time.monotonic()
    tally = run_all(range(first, first + seeds), jobs)
    click.echo(
        f"{tally.seeds} seeds from {first}, {tally.steps} steps, {tally.events} events, "
        f"{time.monotonic() - began:.0f} s"
    )
    click.echo("faults: " + ", ".join(f"{name} {count}" for name, count in tally.faults.most_common()))
    for number, what in sorted(tally.broken.items()):
        click.echo(f"seed {number}: {what}")
        click.echo(f"    python -m rung.testing.faults --seed {number}")
    click.echo(f"{len(tally.broken)} seeds broke an invariant")
    sys.exit(bool(tally.broken))


def tell(seed: int) -> None:
    """Run one seed and say all that happens."""
    setting = Setting.draw(seed)
    click.echo(f"{setting}\nscheduler: {setting.scheduler().to_json()}")
    world = World(setting, tell=partial(click.echo))
    try:
        state = world.run()
    except Exception:  # noqa: BLE001 -- shown as it is
        click.echo(traceback.format_exc())
        sys.exit(1)
    click.echo(f"{state.ended}: {[str(trial.status) for trial in state.trials]}, digest {state.digest()}")


if __name__ == "__main__":
    main()
