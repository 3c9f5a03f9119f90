"""Rungs: the levels of resource at which trials are compared, and who is among the best there."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence

from rung.errors import ArgumentError
from rung.study.history import History
from rung.study.metrics import Metrics


def levels(min_resource: int, max_resource: int, eta: int) -> tuple[int, ...]:
    """The resources r, r eta, r eta^2, ... below the maximum R, and R itself."""
    found = [min_resource]
    while found[-1] * eta < max_resource:
        found.append(found[-1] * eta)
    return (*[level for level in found if level < max_resource], max_resource)


def check_levels(name: str, max_resource: int | None, min_resource: int, eta: int) -> None:
    """Raise Error, naming the argument and the mend, unless these make levels."""
    if max_resource is None:
        raise ArgumentError(f'scheduler="{name}" needs max_resource=, the epochs of a whole trial')
    if not isinstance(eta, int) or eta < 2:
        raise ArgumentError(
            f"{name}: eta={eta!r}; give a whole number of at least 2: one trial of eta goes on"
        )
    if not isinstance(min_resource, int) or not 1 <= min_resource <= max_resource:
        raise ArgumentError(
            f"{name}: min_resource={min_resource!r}; use a whole number from 1 to max_resource={max_resource}"
        )


class Rung:
    """The losses at one level. Adding one and asking for the best take logarithmic time.

    Equal losses rank in order of arrival.
    """

    def __init__(self, eta: int) -> None:
        self._eta = eta
        self._count = 0
        self._top: list[
            tuple[float, int]
        ] = []  # the best count // eta as (-loss, -order): the worst comes first
        self._rest: list[tuple[float, int]] = []  # the others as (loss, order)
        self._unpromoted: list[tuple[float, int, int, int]] = []  # (loss, order, trial, attempt)

    def add(self, trial: int, attempt: int, loss: float) -> bool:
        """Take the loss of a trial in; returns whether it is among the best 1/eta so far."""
        key = (loss, self._count)
        heapq.heappush(self._unpromoted, (*key, trial, attempt))
        self._count += 1
        heapq.heappush(self._rest, key)
        self._lift()
        return self._is_top(key)

    def promotable(self, may_go_on: Callable[[int, int], bool | None]) -> int | None:
        """The best trial among the best 1/eta that was not promoted yet; None if there is none.

        `may_go_on(trial, attempt)` tells of a trial that reached this level in that attempt: True if it is
        paused, None if it can't go on yet, False if it went on or ended (it is then forgotten).
        """
        not_yet = []
        found = None
        while self._unpromoted and self._is_top(self._unpromoted[0][:2]) and found is None:
            loss, order, trial, attempt = heapq.heappop(self._unpromoted)
            answer = may_go_on(trial, attempt)
            if answer is not False:
                not_yet.append((loss, order, trial, attempt))
            if answer:
                found = trial
        for entry in not_yet:
            heapq.heappush(self._unpromoted, entry)
        return found

    @property
    def count(self) -> int:
        """How many trials have reached this level."""
        return self._count

    def _is_top(self, key: tuple[float, int]) -> bool:
        return bool(self._top) and key <= (-self._top[0][0], -self._top[0][1])

    def _lift(self) -> None:
        while len(self._top) < self._count // self._eta:
            loss, order = heapq.heappop(self._rest)
            heapq.heappush(self._top, (-loss, -order))
        if self._rest and self._is_top(self._rest[0]):
            loss, order = heapq.heappop(self._rest)
            worst = heapq.heapreplace(self._top, (-loss, -order))
            heapq.heappush(self._rest, (-worst[0], -worst[1]))


class Ladders:
    """The rungs of every bracket as a history tells them: a cache, built anew for another history."""

    def __init__(
        self, history: History, ladders: Sequence[Sequence[int]], bracket_of: Callable[[int], int], eta: int
    ) -> None:
        self.history = history
        self.levels = ladders
        self.rungs = [{level: Rung(eta) for level in ladder[:-1]} for ladder in ladders]
        self._bracket_of = bracket_of
        self._brackets: dict[int, int] = {}
        self._passed: dict[int, int] = {}
        """How many levels a trial has reached."""
        self._read = 0

    def bracket(self, trial: int) -> int:
        """The bracket that a trial belongs to."""
        if trial not in self._brackets:
            self._brackets[trial] = self._bracket_of(trial)
        return self._brackets[trial]

    def update(self) -> tuple[int, bool] | None:
        """Read what was reported since the last call.

        Returns the level that the newest report reached, if any, and whether its trial was among the best.
        """
        newest = None
        curve = self.history.curve
        while self._read < len(curve):
            newest = self._reach(*curve[self._read])
            self._read += 1
        return newest

    def _reach(self, trial: int, attempt: int, resource: int, metrics: Metrics) -> tuple[int, bool] | None:
        bracket = self.bracket(trial)
        newest = None
        passed = self._passed.get(trial, 0)
        for level in self.levels[bracket][passed:-1]:
            if resource < level:
                break
            newest = level, self.rungs[bracket][level].add(trial, attempt, self.history.loss(metrics))
            passed += 1
        self._passed[trial] = passed
        return newest
