"""The book's ProgressBoard: curves which grow while the training runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from io import BytesIO
from itertools import cycle
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Point = tuple[float, float]


class ProgressBoard:
    """Collects points of labelled curves, and in a notebook redraws its one picture as they come.

    Elsewhere nothing is drawn until `figure` is called. The figure is not one of pyplot's: it needs no window
    and no closing. `axes`, if given, are drawn on instead.
    """

    def __init__(  # noqa: PLR0917  the book's signature
        self,
        xlabel: str | None = None,
        ylabel: str | None = None,
        xlim: tuple[float, float] | None = None,
        ylim: tuple[float, float] | None = None,
        xscale: str = "linear",
        yscale: str = "linear",
        ls: Sequence[str] = ("-", "--", "-.", ":"),
        colors: Sequence[str] = ("C0", "C1", "C2", "C3"),
        fig: Figure | None = None,
        axes: Axes | None = None,
        figsize: tuple[float, float] = (3.5, 2.5),
        display: bool = True,
    ) -> None:
        self.xlabel, self.ylabel = xlabel, ylabel
        self.xlim, self.ylim = xlim, ylim
        self.xscale, self.yscale = xscale, yscale
        self.ls, self.colors = ls, colors
        self.fig, self.axes, self.figsize = fig, axes, figsize
        self.display = display
        self.data: dict[str, list[Point]] = {}
        self._waiting: dict[str, list[Point]] = {}
        self._shown: Any = None  # the handle of the picture in the notebook

    def draw(self, x: float, y: float, label: str, every_n: int = 1) -> None:
        """Add a point to the curve `label`; each `every_n` of them become one, their mean."""
        waiting = self._waiting.setdefault(label, [])
        waiting.append((float(x), float(y)))
        if len(waiting) < every_n:
            return
        self.data.setdefault(label, []).append(_mean(waiting))
        waiting.clear()
        if self.display and _in_notebook():
            self._show()

    def figure(self) -> Figure:
        """Return the curves so far as a matplotlib figure, the same one each time."""
        axes = self._empty_axes()
        for (label, points), style, color in zip(
            self.data.items(), cycle(self.ls), cycle(self.colors), strict=False
        ):
            axes.plot(*zip(*points, strict=True), linestyle=style, color=color, label=label)
        axes.set(xlabel=self.xlabel, ylabel=self.ylabel, xscale=self.xscale, yscale=self.yscale)
        axes.set(xlim=self.xlim, ylim=self.ylim)
        if self.data:
            axes.legend()
        return axes.figure  # type: ignore[return-value]

    def _empty_axes(self) -> Axes:
        from matplotlib.figure import Figure

        if self.axes is None:
            self.fig = self.fig or Figure(figsize=self.figsize, layout="constrained")
            self.axes = self.fig.subplots()
        self.axes.clear()
        return self.axes

    def _show(self) -> None:
        """Put the picture below the cell, or replace the one that is there; printed lines stay."""
        from IPython.display import Image, display

        png = BytesIO()
        self.figure().savefig(png, format="png", dpi=100)
        picture = Image(data=png.getvalue())
        if self._shown is None:
            self._shown = display(picture, display_id=True)
        else:
            self._shown.update(picture)


def _mean(points: list[Point]) -> Point:
    xs, ys = zip(*points, strict=True)
    return sum(xs) / len(xs), sum(ys) / len(ys)


def _in_notebook() -> bool:
    """Whether a Jupyter kernel runs this; a terminal's IPython has no kernel and shows no pictures."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return hasattr(shell, "kernel")
