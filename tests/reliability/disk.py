"""A model of a disk: what stays of files and folders when the power is cut."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

SECTOR = 512


@dataclass
class File:
    """Bytes that were synced, and what was asked for since: (offset, bytes), or the size to cut off at."""

    data: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes] | int] = field(default_factory=list)

    def sync(self) -> None:
        for change in self.pending:
            _apply(self.data, change)
        self.pending.clear()

    def after_cut(self, luck: Luck, path: Path) -> None:
        data = bytearray(self.data)
        for change in self.pending:
            if luck.kept():
                _apply(data, change if isinstance(change, int) else luck.torn(*change))
        path.write_bytes(data)


@dataclass
class Folder:
    """Names as programs see them, those that were synced, and changes since; a change may be several at once."""

    live: dict[str, File | Folder] = field(default_factory=dict)
    synced: dict[str, File | Folder] = field(default_factory=dict)
    pending: list[dict[str, File | Folder | None]] = field(default_factory=list)

    def change(self, **names: File | Folder | None) -> None:
        self.pending.append(names)
        _rename(self.live, names)

    def sync(self) -> None:
        self.synced = dict(self.live)
        self.pending.clear()

    def after_cut(self, luck: Luck, path: Path) -> None:
        path.mkdir()
        names = dict(self.synced)
        for change in self.pending:
            if luck.kept():
                _rename(names, change)
        for name, node in names.items():
            node.after_cut(luck, path / name)


def _apply(data: bytearray, change: tuple[int, bytes] | int) -> None:
    if isinstance(change, int):
        del data[change:]
        return
    offset, new = change
    data.extend(bytes(max(0, offset - len(data))))
    data[offset : offset + len(new)] = new


def _rename(names: dict[str, File | Folder], change: dict[str, File | Folder | None]) -> None:
    for name, node in change.items():
        names.pop(name, None)
        if node is not None:
            names[name] = node


class Luck:
    """What a cut does with writes that were not synced: all lost, a beginning kept, or each as it comes."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._how = rng.choice(["lost", "beginning", "any", "any", "all"])

    def kept(self) -> bool:
        if self._how == "beginning" and self._rng.random() < 0.1:
            self._how = "lost"
        return self._how != "lost" and (self._how != "any" or self._rng.random() < 0.6)

    def torn(self, offset: int, data: bytes) -> tuple[int, bytes]:
        if self._how == "all" or self._rng.random() < 0.7:
            return offset, data
        begin = self._rng.randrange(0, len(data), SECTOR)
        return offset + begin, data[begin : begin + SECTOR * self._rng.randint(1, 8)]


def redo(step: tuple, base: Folder, promised: dict[str, int]) -> None:
    """Do one recorded step on the model of the disk."""
    if step[0] == "mark":
        promised.update(step[1])
        return
    kind, parts, *more = step
    if not parts:
        base.sync()
        return
    folder = base
    for name in parts[:-1]:
        folder = folder.live[name]
    name = parts[-1]
    match kind:
        case "create":
            folder.change(**{name: File()})
        case "mkdir":
            folder.change(**{name: Folder()})
        case "unlink":
            folder.change(**{name: None})
        case "rename":
            folder.change(**{name: None, more[0]: folder.live[name]})
        case "rmtree":
            _remove_tree(folder.live[name])
            folder.change(**{name: None})
        case "sync":
            folder.live[name].sync()
        case "write":
            folder.live[name].pending.append((more[0], more[1]))
        case "truncate":
            folder.live[name].pending.append(more[0])


def _remove_tree(folder: Folder) -> None:
    for name, node in list(folder.live.items()):
        if isinstance(node, Folder):
            _remove_tree(node)
        folder.change(**{name: None})
