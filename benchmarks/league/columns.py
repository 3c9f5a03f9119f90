"""The columns of league/'s table: which tasks, how many workers, and after how many trials it looks."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.league.tasks import names

Method = tuple[str, str]
"""A library, and what it calls the method."""

MARKS = (10, 25, 50, 100)
PARALLEL = (25, 50, 100)
WORKERS = (2, 4, 16)
COCO = {
    "bbob 2": "bbob/2/",
    "bbob 5": "bbob/5/",
    "bbob 10": "bbob/10/",
    "mixint 5": "mixint/5/",
    "mixint 10": "mixint/10/",
}


@dataclass(frozen=True)
class Column:
    """Some tasks, run alike."""

    name: str
    family: str
    tasks: tuple[str, ...]
    marks: tuple[int, ...]
    """Trials that have ended; under ASHA epochs, in full trainings."""
    workers: int = 1

    @property
    def asha(self) -> bool:
        return self.family == "real-asha"

    def mark(self, index: int) -> int:
        """The place of the first (0), second, third or last (3) mark; of three the one between is both."""
        return round(index * (len(self.marks) - 1) / 3)


def columns() -> list[Column]:
    """All of them, family after family; without those whose tasks lie in a folder that is not there."""
    surrogates, noisy = tuple(names("surrogates")), tuple(names("noisy"))
    coco = names("coco")
    table = [
        Column("surrogates", "surrogates", surrogates, MARKS),
        Column("noisy", "noisy", noisy, MARKS),
        *(
            Column(name, "coco", tuple(task for task in coco if part in task), MARKS)
            for name, part in COCO.items()
        ),
        Column("real", "real", tuple(names("real")), (10, 20, 30, 60)),
        Column("real-asha", "real-asha", tuple(names("real-asha")), (10, 20, 30), workers=2),
        *(Column(f"parallel-{n}", "parallel", surrogates + noisy, PARALLEL, n) for n in WORKERS),
        Column("spaces", "spaces", tuple(names("spaces")), MARKS),
    ]
    return [column for column in table if column.tasks]


FAMILIES = ("surrogates", "noisy", "coco", "real", "real-asha", "parallel", "spaces")
