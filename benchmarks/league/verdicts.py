"""What rung promises of its default searcher in league/, and whether the runs kept it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from benchmarks.league.columns import Column, Method
from benchmarks.league.table import OURS, RANDOM, Board, Found, interval, paired
from benchmarks.runs import verdict
from scipy.stats import t

TPE: Method = ("optuna", "TPE")
GP: Method = ("optuna", "GP")
PLACES = ("early", "second", "third", "last")


def verdicts(found: Found) -> Iterator[str]:
    """A line for each promise; those whose runs lack are not there."""
    boards = {column: Board(column, methods) for column, methods in found.items()}
    boards = {
        column: board for column, board in boards.items() if OURS in board.methods and len(board.methods) > 1
    }
    yield from never_behind_random(boards)
    yield from first(boards)
    yield from overall(boards)
    by_name = {column.name: board for column, board in boards.items()}
    yield from numbers(by_name)


def never_behind_random(boards: dict[Column, Board]) -> Iterator[str]:
    behind, ahead, n = [], 0, 0
    for column, board in boards.items():
        if RANDOM not in board.methods:
            continue
        ours, random = board.methods.index(OURS), board.methods.index(RANDOM)
        for place, mark in enumerate(column.marks):
            for what, name in enumerate(("score", "rank")):
                difference, low, high = board.difference(ours, random, place, what)
                n += 1
                ahead += high < 0
                if low > 0:
                    behind.append(
                        f"   {column.name} at {mark}: {name} {difference:+.3f} ({low:.3f}, {high:.3f})"
                    )
    if n:
        yield (
            f"never significantly behind random search: {verdict(not behind)}: behind in {len(behind)} of {n}"
            f" (column, mark; score and rank), ahead in {ahead}"
        )
        yield from behind


def first(boards: dict[Column, Board]) -> Iterator[str]:
    for column, board in boards.items():
        ours, by_rank = board.methods.index(OURS), board.ranks[:, :, -1].mean(axis=1)
        best = min((i for i in range(len(by_rank)) if i != ours), key=lambda i: by_rank[i])
        difference, low, high = board.difference(ours, best, -1, 1)
        how = "first" if difference < 0 else "level" if low <= 0 else "behind"
        yield (
            f"{column.name}, best mean rank at {column.marks[-1]}, or level: {verdict(how != 'behind')}:"
            f" {how}; {by_rank[ours]:.2f}, {' '.join(board.methods[best])} {by_rank[best]:.2f},"
            f" difference {difference:+.2f} ({low:.2f}, {high:.2f}); {len(board.methods)} methods"
        )


def overall(boards: dict[Column, Board]) -> Iterator[str]:
    """The mean over families of the mean over columns; beside each other method, on the columns of both."""
    others = list(
        dict.fromkeys(method for board in boards.values() for method in board.methods if method != OURS)
    )

    def mean_rank(method: Method, common: list[Column], place: int) -> float:
        families: dict[str, list[float]] = {}
        for column in common:
            board = boards[column]
            of_it = board.ranks[board.methods.index(method)][:, column.mark(place)]
            families.setdefault(column.family.removesuffix("-asha"), []).append(of_it.mean())
        return float(np.mean([np.mean(some) for some in families.values()]))

    lines, lost = [], []
    for method in others:
        common = [column for column, board in boards.items() if method in board.methods]
        pairs = [(mean_rank(OURS, common, k), mean_rank(method, common, k)) for k in range(len(PLACES))]
        lost += [PLACES[k] for k, (ours, theirs) in enumerate(pairs) if theirs < ours]
        at = "".join(f"{f'{ours:.2f} {theirs:.2f}':>14}" for ours, theirs in pairs)
        lines.append(f"   {' '.join(method):24}{len(common):>3} columns{at}")
    if lines:
        counts = ", ".join(f"{place} {lost.count(place)}" for place in PLACES)
        yield f"first overall at each mark: {verdict(not lost)}: methods ahead of auto: {counts}"
        yield f"   {'mean rank: auto, and of':24}{'':11}" + "".join(f"{place:>14}" for place in PLACES)
        yield from lines


# ---------------------------------------------------------------- the numbers of issue 10


def numbers(boards: dict[str, Board]) -> Iterator[str]:
    if "real" in boards:
        for mark, bound in ((30, 0.75), (10, 0.9)):
            yield from ratio(boards["real"], TPE, mark, bound)
        for mark in (30, 60):
            yield from better_than_random(boards["real"], mark)
    if "real-asha" in boards:
        for mark in (10, 20, 30):
            yield from ratio(boards["real-asha"], RANDOM, mark, 0.8)
        yield from better_than_random(boards["real-asha"], 30)
    for name in ("bbob 5", "bbob 10"):
        for mark, bound in ((25, 0.6), (50, 0.7), (100, 0.7)):
            if name in boards:
                yield from share(boards[name], mark, bound)
    if "surrogates" in boards:
        board = boards["surrogates"]
        for mark, bound in ((25, 0.75), (100, 0.35)):
            peers = [method for method in board.methods if method[0] != "rung"]
            if peers and mark in board.column.marks:
                place = board.column.marks.index(mark)
                best = min(peers, key=lambda one: board.means[board.methods.index(one), :, place].mean())
                yield from ratio(board, best, mark, bound)


def ratio(board: Board, other: Method, mark: int, bound: float) -> Iterator[str]:
    """Mean regret, as a multiple of that of another method."""
    if other not in board.methods or mark not in board.column.marks:
        return
    ours, theirs, place = (
        board.methods.index(OURS),
        board.methods.index(other),
        board.column.marks.index(mark),
    )
    mine, its = (board.means[i, :, place].mean() for i in (ours, theirs))
    low, high = interval(board.draws[0][ours, :, place] / board.draws[0][theirs, :, place])
    yield (
        f"{board.column.name}, mean regret at {mark} at most {bound} of {' '.join(other)}'s:"
        f" {verdict(mine <= bound * its)}: {mine / its:.2f} ({low:.2f}, {high:.2f}); {mine:.4f} to {its:.4f}"
    )


def better_than_random(board: Board, mark: int) -> Iterator[str]:
    """On how many tasks, significantly: paired by seeds."""
    tasks = board.column.tasks
    if RANDOM not in board.methods or mark not in board.column.marks:
        return
    place, said, better = board.column.marks.index(mark), [], 0
    for task in tasks:
        ours, random = (board.runs(method, task)[:, place] for method in (OURS, RANDOM))
        n = min(len(ours), len(random))
        difference, low, high = paired(ours[:n], random[:n])
        better += high < 0
        said.append(f"{task.split(':')[1]} {difference:+.3f} ({low:.3f}, {high:.3f})")
    needed = int(np.ceil(0.8 * len(tasks)))
    yield (
        f"{board.column.name}, significantly better than random at {mark} on {needed} of {len(tasks)} tasks:"
        f" {verdict(better >= needed)}: {better}; {', '.join(said)}"
    )


def share(board: Board, mark: int, bound: float) -> Iterator[str]:
    """The share of functions on which the mean is below that of Optuna's GP; equals count half."""
    if GP not in board.methods or mark not in board.column.marks:
        return
    place = board.column.marks.index(mark)
    ours, theirs = (board.means[board.methods.index(method), :, place] for method in (OURS, GP))
    won = float(((ours < theirs) + 0.5 * (ours == theirs)).mean())
    yield (
        f"{board.column.name}, better than optuna GP at {mark} on {bound:.0%} of the functions:"
        f" {verdict(won >= bound)}: {won:.0%}"
    )


# ---------------------------------------------------------------- the quick form


def behind_random(found: Found) -> list[str]:
    """The families in which auto is significantly worse than random: all runs and marks together."""
    differences: dict[str, list[float]] = {}
    for column, methods in found.items():
        board = Board(column, methods)
        if OURS in board.methods and RANDOM in board.methods:
            for task in column.tasks:
                difference = board.runs(OURS, task) - board.runs(RANDOM, task)
                family = column.family.removesuffix("-asha")
                differences.setdefault(family, []).extend(difference.mean(axis=1))
    behind = []
    for family, some in differences.items():
        # Student's t: a bootstrap of the real trainings' handful of runs would be sure of anything.
        mean = float(np.mean(some))
        width = float(t.ppf(0.975, len(some) - 1) * np.std(some, ddof=1) / np.sqrt(len(some)))
        low, high = mean - width, mean + width
        print(f"{family}: auto's score less random's {mean:+.3f} ({low:+.3f}, {high:+.3f}), {len(some)} runs")
        if low > 0:
            behind.append(family)
    return behind
