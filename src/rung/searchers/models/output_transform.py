"""From losses, with their tails, outliers and failures, to targets that a Gaussian process can fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.floating[Any]]

_HUGE = 1e100  # its square is still a number
_OUTLIER = 100.0
# A grid, then a finer one, not an optimiser: rounding then changes the power in no study that is replayed.
_COARSE = np.linspace(-6, 6, 49)
_FINE = np.linspace(-0.25, 0.25, 21)


def is_outlier(losses: Array) -> NDArray[np.bool_]:
    """Return which losses (n,) are failures (infinite) or outliers.

    An outlier is a hundred times as far above the median as the best loss lies below it. A model learns of
    both only that they are bad: their size would flatten all differences among the others.
    """
    good = np.isfinite(losses)
    if good.any():
        known = np.clip(losses[good], -_HUGE, _HUGE)
        middle = float(np.median(known))
        spread = middle - float(known.min())
        if spread == 0 and (known > middle).any():
            # Half of them are equal and best: the scale is that of the others.
            spread = float(np.median(known[known > middle])) - middle
        good[good] = known <= middle + _OUTLIER * spread
    return ~good


def targets(losses: Array) -> Array:
    """Return standardised targets of finite losses (n,), at least one, in the same order.

    By the power transform of Yeo and Johnson (2000) that makes them most nearly normal, as HEBO does
    (Cowen-Rivers et al. 2022, section 4.1).
    """
    z = standardised(np.clip(losses, -_HUGE, _HUGE))
    return standardised(_transformed(z, _most_normal(z))[0])


@dataclass(frozen=True, slots=True)
class Transform:
    """What `targets` does to finite losses, as an increasing function of any loss."""

    losses: Standard
    power: Array
    """Shape (1,)."""
    transformed: Standard

    @classmethod
    def of(cls, losses: Array) -> Transform:
        """Of the losses (n,) that `targets` got, at least one."""
        first = Standard.of(np.clip(losses, -_HUGE, _HUGE))
        z = first(np.clip(losses, -_HUGE, _HUGE))
        power = _most_normal(z)
        return cls(first, power, Standard.of(_transformed(z, power)[0]))

    def __call__(self, losses: Array) -> Array:
        """Return the targets of losses (n,)."""
        z = self.losses(np.clip(losses, -_HUGE, _HUGE))
        return self.transformed(_transformed(z, self.power)[0])


@dataclass(frozen=True, slots=True)
class Standard:
    """Numbers less a mean, in units of a standard deviation."""

    mean: float
    sd: float

    @classmethod
    def of(cls, y: Array) -> Standard:
        """Of the numbers (n,); the standard deviation of equal ones counts as 1."""
        sd = float(y.std())
        return cls(float(y.mean()), sd if sd > 1e-12 * max(1.0, float(np.abs(y).max())) else 1.0)

    def __call__(self, y: Array) -> Array:
        """Return numbers (n,) so measured."""
        return (y - self.mean) / self.sd


def standardised(y: Array) -> Array:
    """Return `y` with mean 0 and standard deviation 1, or zeros if it is constant."""
    sd = y.std()
    return (y - y.mean()) / sd if sd > 1e-12 * max(1.0, float(np.abs(y).max())) else np.zeros_like(y)


def _most_normal(z: Array) -> Array:
    """The power, shape (1,), that makes z (n,) most nearly normal."""
    coarse = _COARSE[np.argmax(_likelihood(z, _COARSE))]
    fine = coarse + _FINE
    return fine[[np.argmax(_likelihood(z, fine))]]  # type: ignore[no-any-return]


def _likelihood(z: Array, powers: Array) -> Array:
    """Yeo and Johnson (2000), section 3, at each power (k,), its mean and variance at their best."""
    jacobian = float(np.sum(np.sign(z) * np.log1p(np.abs(z))))
    spread = np.log(_transformed(z, powers).var(axis=1) + 1e-300)
    return -len(z) / 2 * spread + (powers - 1) * jacobian  # type: ignore[no-any-return]


def _transformed(z: Array, powers: Array) -> Array:
    """Yeo and Johnson (2000), eq. 2.1, of values (n,) for each power (k,): shape (k, n)."""
    above, below = np.log1p(np.maximum(z, 0)), np.log1p(np.maximum(-z, 0))
    return np.where(z >= 0, _box_cox(above, powers), -_box_cox(below, 2 - powers))


def _box_cox(logs: Array, powers: Array) -> Array:
    """((1 + z)^p - 1) / p of log(1 + z), for each power p; where p is 0, its limit, the logarithm itself."""
    power = np.where(np.abs(powers) < 1e-9, 1e-9, powers)[:, None]
    return np.expm1(power * logs) / power
