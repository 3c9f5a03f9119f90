"""A study for elsewhere: as pictures, as a table, as one page to send, as text for a pull request."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from rung import analysis
from rung._disk import write_whole
from rung.analysis.plots import Plots
from rung.storage import Owner, Storage
from rung.study.state import StudyState

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from rung.page.documents import Viewed


class Exports:
    """What `StudyView` can be turned into."""

    _storage: Storage
    _name: str
    _state: StudyState

    @property
    def plot(self) -> Plots:
        """The study's plots: `study.plot.rungs()`, or `study.plot("rungs")`. They need matplotlib.

        `dir(study.plot)` lists them; each returns a matplotlib figure.
        """
        return Plots(self._state)

    def plot_learning_curves(self) -> Figure:
        """Every trial's reported metric over epochs: `plot.learning_curves()`."""
        return self.plot("learning_curves")

    def plot_rungs(self) -> Figure:
        """Every trial's metric at each rung, and which trials went on: `plot.rungs()`."""
        return self.plot("rungs")

    def plot_anytime(self) -> Figure:
        """The incumbent's value over the time since the study began: `plot.anytime()`."""
        return self.plot("anytime")

    def plot_slice(self) -> Figure:
        """The tuned metric over each hyperparameter: `plot.slice()`."""
        return self.plot("slice")

    def to_dataframe(self, by: Literal["trial", "report"] = "trial") -> DataFrame:
        """Return a table of the study. Needs pandas (``rung[pandas]``).

        Parameters
        ----------
        by : {"trial", "report"}
            A row for each trial has its status, hyperparameters, metrics, whether it is `feasible`, and why
            it ended. One for each report has its trial and epoch, `seconds` since the study began (pauses
            between sessions left out), hyperparameters and metrics.

        Returns
        -------
        DataFrame
            With columns of the same names in each row.
        """
        return analysis.to_dataframe(self._state, by)

    def to_html(self, path: str | PathLike[str]) -> Path:
        """Write the page of `rung.dashboard` as one file, to send: it needs no network and no rung.

        It holds what was known when it was written, without the metrics of `report_only`. A large study is
        thinned to 2 MB; the file says so.

        Parameters
        ----------
        path : str or path
            A file, which is replaced if it exists.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        StorageError
            If it can't be written.
        """
        from rung.page.report import html

        return write_whole(Path(path), html(cast("Viewed", self), self._owner()))

    def to_markdown(self) -> str:
        """Return a summary for a pull request or an issue: the winner, the best trials, what failed."""
        from rung.page.markdown import markdown

        return markdown(self._name, self._state, self._owner())

    def _owner(self) -> Owner | None:
        return next((info.owner for info in self._storage.studies() if info.name == self._name), None)
