"""Priors: frozen scipy.stats distributions as domains.

scipy.stats takes a third of a second to import. A space without priors must not pay for it, so it is imported
only where a distribution is there already, or comes back from JSON.
"""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from rung._text import brief
from rung.errors import ConfigError, SpaceError
from rung.space.conditions import Comparison
from rung.space.domains import Domain, check_numeric, check_points, nudge, spread
from rung.space.values import Value, number, whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.random import Generator
    from numpy.typing import NDArray

_EDGE = 2.0**-53  # ppf(0) can be -inf, and for a discrete distribution it lies one below the support
_FARTHEST = 2**53  # beyond it float64 can't tell integers apart
_ENDLESS = frozenset(
    {
        "studentized_range",
        "ksone",
        "irwinhall",
        "dpareto_lognorm",
        "gausshyper",
        "betanbinom",
        "yulesimon",
        "zipfian",
        "skellam",
    }
)
_HINT = "use a frozen univariate distribution of scipy.stats, such as scipy.stats.loguniform(1e-4, 1)"


def is_frozen(value: object) -> bool:
    """Return whether `value` is a frozen univariate distribution of scipy.stats."""
    stats = sys.modules.get("scipy.stats")  # not imported: `value` can't be one
    return stats is not None and isinstance(value, stats.distributions.rv_frozen)


@dataclass(frozen=True, slots=True, repr=False)
class Distribution(Domain):
    """A prior: a frozen univariate distribution of scipy.stats, continuous or discrete.

    A draw is the quantile function of a uniform number; a value is encoded by the distribution function, of a
    discrete distribution at the middle of the step. As in scipy, `randint(32, 256)` never gives 256. In a
    space, the frozen distribution itself means the same; this class is for one with a condition.

    Parameters
    ----------
    rv : frozen distribution
        Such as `scipy.stats.loguniform(1e-4, 1)`.
    condition : Condition, optional
        When the hyperparameter is active; set by `when`.

    Raises
    ------
    SpaceError
        If it is not frozen, has no name in scipy.stats, or has an argument that is no number or out of range.

    Examples
    --------
    >>> import rung
    >>> from scipy import stats
    >>> rung.Distribution(stats.norm(0, 1)).when(rung.param("layers") >= 2)
    Distribution(norm(0, 1)).when(param('layers') >= 2)
    """

    rv: Any = field(compare=False, repr=False)
    name: str = field(init=False)
    args: tuple[float, ...] = field(init=False)
    kwds: tuple[tuple[str, float], ...] = field(init=False)
    discrete: bool = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not is_frozen(self.rv):
            raise SpaceError(f"Distribution({brief(self.rv)}): not frozen; {_HINT}")
        name = self.rv.dist.name
        found = named_distribution(name)
        if type(found) is not type(self.rv.dist):
            raise SpaceError(f"Distribution: {name!r} is another one than scipy.stats.{name}; {_HINT}")
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "discrete", hasattr(found, "pmf"))
        object.__setattr__(self, "args", self.rv.args)
        object.__setattr__(self, "kwds", tuple(self.rv.kwds.items()))
        self._check_arguments()

    def _check_arguments(self) -> None:
        try:
            object.__setattr__(self, "args", tuple(number(a) for a in self.args))
            object.__setattr__(self, "kwds", tuple((k, number(v)) for k, v in self.kwds))
        except SpaceError as error:
            self._fail(error)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # scipy's, of arguments out of range: see the errors below
            self._check_quantiles()

    def _check_quantiles(self) -> None:
        if self.name in _ENDLESS:
            self._fail("scipy's quantiles of this one may take for ever; use another distribution")
        try:
            if self.discrete and not math.isfinite(float(self.rv.var())):
                self._fail("infinite variance, where scipy's quantiles take for ever; use Int(..., log=True)")
            middle = float(self.rv.ppf(0.5))
        except (ArithmeticError, RuntimeError, TypeError, MemoryError) as error:
            self._fail(f"scipy can't work with these arguments: {brief(error)}")
        if not math.isfinite(middle) or (self.discrete and abs(middle) > _FARTHEST):
            self._fail(
                "an argument is out of its range (the median is not finite); see its page in scipy's manual"
            )
        if self.discrete and middle != int(middle):
            self._fail("a discrete distribution with values that are not integers; use an integer loc")

    @classmethod
    def from_name(cls, name: str, args: Sequence[object], kwds: Mapping[str, object]) -> Self:
        """Return the scipy.stats distribution `name` frozen at numbers; SpaceError for anything else."""
        found = named_distribution(name)
        numbers = [number(a) for a in args]
        try:
            return cls(found(*numbers, **{key: number(value) for key, value in kwds.items()}))
        except TypeError as error:
            raise SpaceError(
                f"scipy.stats.{name}: {brief(str(error))}; see its page in scipy's manual"
            ) from None

    @property
    def support(self) -> tuple[float, float]:
        """The least and the greatest value, which may be infinite."""
        low, high = self.rv.support()
        return float(low), float(high)

    @property
    def size(self) -> int | None:
        """The number of values of a discrete distribution with finite support, otherwise None."""
        low, high = self.support
        return int(high - low) + 1 if self.discrete and math.isfinite(high - low) else None

    def decode(self, u: float) -> float:
        """Return the quantile at `u` in [0, 1]."""
        import numpy as np

        return self.decode_all(np.array([u]))[0]  # type: ignore[return-value]

    def decode_all(self, u: NDArray[np.float64]) -> list[Value]:
        """Return the quantiles at `u`, shape (n,), in [0, 1]."""
        import numpy as np

        x = np.clip(self.rv.ppf(np.clip(u, _EDGE, 1 - _EDGE)), *self.support) + 0.0
        return [round(value) for value in x.tolist()] if self.discrete else x.tolist()

    def encode(self, values: Sequence[Any]) -> NDArray[np.float64]:
        """Return the distribution function at `values`, shape (n,), at the middle of its step if discrete."""
        import numpy as np

        x = np.asarray(values, dtype=np.float64)
        u = (self.rv.cdf(x) + self.rv.cdf(x - 1)) / 2 if self.discrete else self.rv.cdf(x)
        inside: NDArray[np.float64] = np.clip(u, 0, 1)
        return inside

    def snap(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the places of the values at `u`, shape (n,), in [0, 1]."""
        return Domain.snap(self, u) if self.discrete else u

    def canonical(self, value: object) -> Value:
        """Return `value` as a float, or an int if discrete; ConfigError if it has no probability."""
        low, high = self.support
        try:
            result = whole(value) if self.discrete else float(number(value))
        except SpaceError as error:
            raise ConfigError(str(error)) from None
        if not low <= result <= high:
            low, high = (whole(low), whole(high)) if self.size else (low, high)
            raise ConfigError(f"{result!r} is outside {self!r}; use a value from {low!r} to {high!r}")
        return result

    def lattice(self, points: int | None = None) -> Sequence[Value]:
        """Return `points` equally spaced quantiles, or all values of a finite discrete distribution."""
        low, high = self.support
        if points is not None:
            check_points(points)
            return spread(self, [(i + 0.5) / points for i in range(points)])
        if self.size is None:
            self._fail("a grid needs the number of points; use Grid(points=5)")
        return range(int(low), int(high) + 1)

    def move(self, value: Any, rng: Generator) -> Value:
        """Return the value after a normal step of sd 0.2 in the unit interval; an integer always moves."""
        moved = self._step(value, rng)
        if moved != value or not self.discrete:
            return moved  # type: ignore[no-any-return]
        low, high = self.support
        return nudge(value, 1, low, high, rng)

    def check_comparison(self, comparison: Comparison) -> None:
        """Raise SpaceError if `comparison` is with no number, or can never hold."""
        check_numeric(self, comparison, *self.support)

    def __repr__(self) -> str:
        words = [repr(a) for a in self.args] + [f"{key}={value!r}" for key, value in self.kwds]
        shown = f"{self.name}({', '.join(words)})"
        return shown if self.condition is None else f"Distribution({shown})" + self._when()


def named_distribution(name: str) -> Any:
    """Return the distribution `name` of scipy.stats, not yet frozen; SpaceError if there is none."""
    from scipy import stats

    found = vars(stats).get(name) if isinstance(name, str) else None
    if not isinstance(found, stats.rv_continuous | stats.rv_discrete):
        raise SpaceError(f"{brief(name)} is no distribution of scipy.stats; {_HINT}")
    return found
