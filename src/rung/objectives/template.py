"""Command lines with placeholders: `--lr {learning_rate}` becomes the arguments `--lr` and `0.01`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from rung.errors import ObjectiveError

_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_FLAG = re.compile(r"--?[^\W\d][^=\s]*")


@dataclass(frozen=True, slots=True)
class Word:
    """One argument: literal text, with a placeholder between each two pieces of it."""

    pieces: tuple[str, ...]
    names: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Word:
        """Read `{name}`, `{{` and `}}`; raises ObjectiveError for any other brace."""
        pieces, names, end = [""], list[str](), 0
        for match in _BRACES.finditer(text):
            pieces[-1] += text[end : match.start()]
            end = match.end()
            if match[1] is not None:
                names.append(match[1])
                pieces.append("")
            elif len(match[0]) == 2:
                pieces[-1] += match[0][0]
            else:
                brace = match[0]
                raise ObjectiveError(
                    f"{text!r} in the command: a single {brace}; placeholders are {{name}}, "
                    f"for the character itself write {brace * 2}"
                )
        pieces[-1] += text[end:]
        return cls(tuple(pieces), tuple(names))

    @property
    def is_flag(self) -> bool:
        """Whether it is an option that takes its value from the next word, as `--lr` may."""
        return not self.names and _FLAG.fullmatch(self.pieces[0]) is not None

    @property
    def is_value(self) -> bool:
        """Whether it is a placeholder and nothing else."""
        return self.pieces == ("", "")

    @property
    def is_assignment(self) -> bool:
        """Whether it is `--name={placeholder}`, or the same without dashes."""
        return len(self.names) == 1 and self.pieces[0].endswith("=") and not self.pieces[1]

    def filled(self, values: Mapping[str, Any]) -> str:
        """The argument."""
        texts = (as_text(values[name]) for name in self.names)
        return "".join(part for pair in zip_longest(self.pieces, texts, fillvalue="") for part in pair)


def as_text(value: Any) -> str:
    """A string as it is; everything else as JSON: `0.001`, `true`, `null`, `[1, 2]`."""
    return value if isinstance(value, str) else json.dumps(value)


def can_be_left_out(words: Sequence[Word], index: int) -> bool:
    """Whether the word may be missing without harm: `--name={x}`, or `{x}` after a flag."""
    word = words[index]
    return word.is_assignment or (word.is_value and index > 1 and words[index - 1].is_flag)


def filled(words: Sequence[Word], values: Mapping[str, Any]) -> list[str]:
    """The arguments. A word with a name that has no value is left out, and the flag before it too."""
    arguments: list[str] = []
    for index, word in enumerate(words):
        if all(name in values for name in word.names):
            arguments.append(word.filled(values))
        elif word.is_value and can_be_left_out(words, index):
            arguments.pop()
    return arguments
