"""Curves as small as a word: for a line of a terminal, and for a cell of a notebook."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

_BLOCKS = "▁▂▃▄▅▆▇█"
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's: safe for the colour-blind, on light and dark ground."""
_MARGIN = 3.0


def thinned(values: Sequence[float], most: int) -> tuple[float, ...]:
    """Return at most `most` finite values, evenly spaced, the last one among them."""
    known = [y for y in values if math.isfinite(y)]
    if len(known) <= most:
        return tuple(known)
    return tuple(known[round(i * (len(known) - 1) / (most - 1))] for i in range(most))


def blocks(values: Sequence[float], most: int = 12) -> str:
    """Return a character for each value, from the least to the greatest; "" of fewer than two."""
    shown = thinned(values, most)
    if len(shown) < 2:
        return ""
    low, high = min(shown), max(shown)
    if not 0 < high - low < math.inf:
        return _BLOCKS[0] * len(shown)
    return "".join(_BLOCKS[round((y - low) / (high - low) * (len(_BLOCKS) - 1))] for y in shown)


def svg(
    curves: Sequence[Sequence[tuple[float, float]]],
    *,
    steps: bool = False,
    width: int = 240,
    height: int = 60,
) -> str:
    """Return an element `svg` with a line for each curve of points (x, y); "" if there is no line to draw.

    With `steps` a value holds until the next one.
    """
    known = [[(x, y) for x, y in curve if math.isfinite(x) and math.isfinite(y)] for curve in curves]
    points = [point for curve in known for point in curve]
    if not any(len(curve) > 1 for curve in known):
        return ""
    (left, right), (low, high) = ((min(ends), max(ends)) for ends in zip(*points, strict=True))

    def place(value: float, least: float, most: float, length: int) -> float:
        part = (value / 2 - least / 2) / (most / 2 - least / 2) if most > least else 0.5
        return _MARGIN + part * (length - 2 * _MARGIN)

    lines = []
    for curve, colour in zip(known, _COLOURS * (len(known) // len(_COLOURS) + 1), strict=False):
        at = [(place(x, left, right, width), height - place(y, low, high, height)) for x, y in curve]
        if steps:
            at = [at[0], *(p for (_, y), (x, z) in pairwise(at) for p in ((x, y), (x, z)))]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
        lines.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">{"".join(lines)}</svg>'
