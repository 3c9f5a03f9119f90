"""A metric over the whole space, as the Gaussian process of all trials expects it: for plots, importance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rung.errors import NoTrialError
from rung.searchers._extrapolation import extrapolated
from rung.searchers._observed import Observed
from rung.searchers._surrogate import Encoding, Fitted, Known, thinned
from rung.searchers.models.draws import Draws
from rung.searchers.models.exact_gp import Posterior
from rung.space import Space
from rung.study.history import History
from rung.study.metrics import Metric

Array: TypeAlias = NDArray[np.floating[Any]]

LEAST = 8
"""Trials below which a model says nothing."""
_DRAWS = 64
_SEED = 0  # the same study gives the same picture
_FIRST = 16
"""Trials that show what is usual: later ones may all lie where the searcher found the best."""
_FAR = 10.0
"""Times the usual distance from the best, beyond which a loss counts as just so bad."""
_BEYOND = 3.0
"""Standard deviations beyond the observed targets up to which a prediction is believed."""


@dataclass(frozen=True, slots=True)
class Landscape:
    """What the trials of a study say of a metric anywhere in the space.

    Losses of trials that were stopped early are extrapolated; trials that failed are left out.
    """

    space: Space
    metric: Metric
    trials: int
    """How many it rests on."""
    explained: float
    """How much of the variance of the transformed values it predicts, each from all others: at most 1."""
    _known: Known
    _encoding: Encoding
    _posterior: Posterior
    _draws: Draws

    @classmethod
    def of(cls, history: History, metric: Metric) -> Landscape:
        """Fit it; raises NoTrialError if too few trials have the metric, or all of them the same value."""
        known = _known(Observed.of(history, metric))
        n = len(known.targets)
        if n < LEAST or np.ptp(known.targets) == 0:
            same = f", all of them {metric.loss(float(known.losses[0])):.4g}" if n >= LEAST else ""
            raise NoTrialError(
                f"no model of {metric.name}: {n} trials have it{same}; it needs {LEAST} that differ"
            )
        fitted = Fitted.to(history, len(history.trials), known)
        encoding, y = fitted.encoding, known.targets
        assert fitted.theta is not None
        x = encoding.at(known.observed.points[~known.failed])
        posterior = Posterior(encoding.coordinates, fitted.theta, x, y, known.extra_variance)
        draws = Draws(posterior, y, _DRAWS, np.random.default_rng(_SEED))
        return cls(history.space, metric, n, _explained(posterior, y), known, encoding, posterior, draws)

    def mean(self, points: Array) -> Array:
        """Return the expected metric at encoded points (m, d), shape (m,)."""
        x = self._encoding.at(points)
        return self._values(self._posterior.kernel(x, self._posterior.points) @ self._posterior.alpha)

    def draws(self, points: Array) -> Array:
        """Return what it may be at encoded points (m, d), shape (64, m): a row for each function drawn."""
        return self._values(self._draws.at(self._encoding.at(points)).T)

    def _values(self, targets: Array) -> Array:
        """Return the metric of targets of any shape."""
        return self.metric.loss(1.0) * np.interp(targets, *_scale(self._known))


def ranking(history: History, metric: Metric) -> tuple[Array, Array]:
    """Return the encoded configuration (n, d) and the loss (n,) of each trial that has one.

    Losses of trials that were stopped early are extrapolated, those of failed ones infinite.
    """
    observed = Observed.of(history, metric)
    if len(observed.losses) < LEAST:
        raise NoTrialError(
            f"no ranking by {metric.name}: {len(observed.losses)} trials have it; it needs {LEAST}"
        )
    return observed.points, extrapolated(observed)[0]


def _known(observed: Observed) -> Known:
    observed = thinned(observed)
    losses, levels = extrapolated(observed)
    failed = ~np.isfinite(losses)
    good = losses[~failed]
    if len(good):
        usual, least = float(np.median(good[:_FIRST])), float(good.min())
        if usual > least:
            good = np.minimum(good, usual + _FAR * (usual - least))
    return Known.from_losses(observed, failed, good, levels)


def _scale(known: Known) -> tuple[Array, Array]:
    """Targets and their losses, in order; beyond the ends it goes on as in the quarter next to them."""
    x, y = np.sort(known.targets), np.sort(known.losses)
    quarter = len(x) // 4
    low = (y[quarter] - y[0]) / max(x[quarter] - x[0], 1e-9)
    high = (y[-1] - y[-1 - quarter]) / max(x[-1] - x[-1 - quarter], 1e-9)
    ends = y[0] - _BEYOND * low, y[-1] + _BEYOND * high
    return np.array([x[0] - _BEYOND, *x, x[-1] + _BEYOND]), np.array([ends[0], *y, ends[1]])


def _explained(posterior: Posterior, targets: Array) -> float:
    # The error of each target predicted from all others: Rasmussen and Williams (2006), eq. 5.12.
    errors = posterior.alpha / np.einsum("ij,ij->j", posterior.L_inv, posterior.L_inv)
    return float(1 - (errors @ errors) / ((targets - targets.mean()) @ (targets - targets.mean())))
