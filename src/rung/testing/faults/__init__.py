"""A whole study in virtual time in which everything goes wrong, from one seed.

    python -m rung.testing.faults --seeds 2000 --jobs 2     2,000 studies; exit status 1 if one breaks
    python -m rung.testing.faults --seed 1234               that one again, shown step by step

Engine, coordinator, recovery, searcher and schedulers are the real ones. The storage (the one in memory,
or SQLite's) crashes before and after an append, is full, or does not say whether it has written; other
owners take the study over while one is at work. Workers in virtual time die, fail and do not listen; what
they say comes late, twice, in another order or not at all. The invariants (`invariants.py`) are checked
after every step, and whatever happened the study ends with the right number of trials.
"""

from __future__ import annotations

from rung.testing.faults.setting import Parts, Setting
from rung.testing.faults.world import World

__all__ = ["Parts", "Setting", "World"]
