"""Plain words: a dialect costs every reader, so its words stay out of the source, the command line and the pages."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]

INSTEAD = {
    "told": "returned, reported, stored, shown",
    "mend": "fix",
    "mends": "fixes",
    "mended": "fixed",
    "anew": "again, from the start",
    "whoever": "a noun: the owner, the caller, the reader",
    "spoilt": "failed, an outlier",
    "law": "distribution, prior",
    "laws": "distributions, priors",
    "dear": "expensive",
    "that is none": "that is not a ...",
    "less is better": "lower is better",
}
ANY = re.compile(rf"(?<![a-z])({'|'.join(INSTEAD)})(?![a-z])", re.IGNORECASE)


def words(text: str) -> list[str]:
    """The dialect's words in a text, in snake_case names too."""
    return sorted({found.lower() for found in ANY.findall(" ".join(text.split()))})


def test_the_words_are_plain():
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "src").rglob("*.py")]
    found = {path.relative_to(ROOT).as_posix(): words(path.read_text()) for path in pages}
    used = {name: {word: INSTEAD[word] for word in of_file} for name, of_file in found.items() if of_file}
    assert used == {}


def test_a_word_is_found_in_a_name_and_over_a_line_break_but_not_inside_another_word():
    assert words("def told_twice(): ... # The Law") == ["law", "told"]
    assert words("an argument that is\n    none of these") == ["that is none"]
    assert words("recommend, lawn, endearing, amended") == []
