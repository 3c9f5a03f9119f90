"""Rows as a table: text, and HTML for notebooks, in which nothing that a user wrote is markup."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from rung._text import visible


def text_table(rows: Sequence[Sequence[Any]]) -> str:
    """Return aligned columns, names to the left and numbers to the right; the first row is the header."""
    cells = [[cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    names = [all(isinstance(value, str) for value in column) for column in zip(*rows[1:], strict=True)]
    left = names or [True] * len(widths)
    return "\n".join(
        "  ".join(
            text.ljust(width) if name else text.rjust(width)
            for text, width, name in zip(line, widths, left, strict=True)
        ).rstrip()
        for line in cells
    )


def html_table(rows: Sequence[Sequence[Any]]) -> str:
    """Return the same as an element `table`."""
    header, *body = [[html.escape(cell(value)) for value in row] for row in rows]
    head = "".join(f"<th>{text}</th>" for text in header)
    lines = "".join("<tr>" + "".join(f"<td>{text}</td>" for text in line) + "</tr>" for line in body)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"


def cell(value: Any) -> str:
    """Return a value as it stands in a table; None is empty."""
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else visible(str(value))
