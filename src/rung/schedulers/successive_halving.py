"""Successive halving: Karnin et al. (2013), ICML; Jamieson & Talwalkar (2016), AISTATS.

The algorithm is in `_brackets.py`, with its line numbers.

| Dive into Deep Learning, 19.4 | here |
| --- | --- |
| r_min, r_max, eta | `min_resource`, `max_resource`, `eta` |
| K | one less than there are levels |
| N = eta^K | `Shape.size` |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rung.schedulers._brackets import BracketScheduler, Shape
from rung.schedulers._levels import levels


@dataclass(frozen=True)
class SuccessiveHalving(BracketScheduler):
    """Train many a little, let the best 1/eta go on, and so on up to `max_resource`.

    A bracket begins with eta^K trials, where K + 1 is the number of rungs: min_resource * eta^k epochs, and
    at last `max_resource`. When all members of a rung have reached it or ended, the best 1/eta go on from
    their checkpoints and the others are stopped. Meanwhile free workers open the next bracket, as in section
    19.4 of Dive into Deep Learning, so none is ever idle. The last bracket works with the trials it got.

    Good where early epochs predict the last and a decision should see the whole rung. With many workers and
    trials of very different speed, "asha" gets to whole trials sooner. Bad where curves cross late: use a
    larger `min_resource`, or "hyperband"; and where n_trials is much below eta^K. Wants checkpoints: without
    them each rung trains again from the start.

    Parameters
    ----------
    min_resource : int
        The first rung, in epochs.
    eta : int
        One trial of eta goes on.
    """

    name: ClassVar[str] = "successive-halving"

    def shapes(self, max_resource: int) -> tuple[Shape]:
        """Return the one shape of all brackets: eta^K trials."""
        # N = eta^K, so that dividing by eta at each of the K rungs below the last leaves one trial at R.
        # Where R is no power of eta times r, the last step is shorter than the others.
        rungs = levels(self.min_resource, max_resource, self.eta)
        return (Shape(self.eta ** (len(rungs) - 1), rungs),)  # K = len(rungs) - 1
