"""portfolio(): the few configurations that together do best over many studies."""

from __future__ import annotations

from collections.abc import Sequence

from rung._other_libraries import explained
from rung._text import brief, is_iterable, visible
from rung._transfer import Given, put, studies_of, tried
from rung._view import StudyView
from rung.errors import ArgumentError
from rung.searchers.earlier import portfolio_of
from rung.space import Config
from rung.storage import Storage
from rung.study.budget import whole


@explained
def portfolio(studies: Sequence[Given], n: int = 8, *, storage: str | Storage | None = None) -> list[Config]:
    """Return the few configurations that together do best over many studies.

    Each study has a model of its losses; of all configurations that were tried, the one is taken that lowers
    most the mean over the studies of the best loss so far, in standard deviations of the study, and so on:
    the greedy portfolio of Wistuba, Schilling and Schmidt-Thieme (2015), "Sequential model-free
    hyperparameter tuning". What has no study of its own is served by the first few of them: give them as
    `initial_configs`, to any searcher.

    Parameters
    ----------
    studies : sequence of StudyView, str or path
        Studies of one metric: each a study, its name in `storage`, or a folder of one or of many. The
        configurations are on the space of the first; those of the others are put there as by `learn_from`.
    n : int
        Configurations, at least 1; fewer come back once no other one would be better in any study.
    storage : str or Storage, optional
        As in `tune`.

    Returns
    -------
    list of dict
        Configurations, the most useful first.

    Raises
    ------
    ArgumentError
        If a study tunes another metric or has no hyperparameter in common with the first.
    StudyNotFound
        If there is no such study.

    Examples
    --------
    >>> import rung
    >>> space = {"x": rung.Float(0, 1), "y": rung.Float(0, 1)}
    >>> studies = [
    ...     rung.tune(lambda x, y: (x - best) ** 2 + y, space, n_trials=20, searcher="random", seed=0,
    ...               storage=":memory:", progress=False)
    ...     for best in (0.2, 0.8)
    ... ]
    >>> [config["x"] > 0.5 for config in rung.portfolio(studies, n=2)]
    [True, False]
    """
    whole("n", n, 1)
    if isinstance(studies, str | StudyView) or not is_iterable(studies):
        raise ArgumentError(f"studies={brief(studies)}; give a list of studies, names or folders")
    views = [view for given in studies for view in studies_of(given, storage)]
    if not views:
        raise ArgumentError("studies=[]; give at least one study")
    space, metric = views[0].space, views[0].goals.first
    learned = []
    for view in views:
        what = f"portfolio: study {visible(view.name)!r}"
        configs, losses, _ = tried(what, view, metric)
        placed = put(what, configs, view.space, space, {}).configs
        rows = [i for i, config in enumerate(placed) if config is not None]
        if not rows:
            raise ArgumentError(f"{what} has no trial on the space of the first one; leave it out")
        learned.append(([config for config in placed if config is not None], losses[rows]))
    return portfolio_of(space, learned, n)
