"""The space: named domains, their conditions, and forbidden combinations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from rung._text import brief
from rung.errors import ConfigError, SpaceError
from rung.space import _building, _serial
from rung.space._counting import count, walk
from rung.space._repeating import blocks, repeat
from rung.space.choices import Constant
from rung.space.conditions import Condition
from rung.space.domains import Domain
from rung.space.values import Config, Value, did_you_mean

if TYPE_CHECKING:
    import numpy as np
    from numpy.random import Generator
    from numpy.typing import NDArray

_DRAWS = 10_000  # forbidden draws in a row before giving up
_TRIES = 20  # attempts for each neighbour asked for


class Space:
    """Named domains, with conditions and forbidden combinations; immutable, equal by content.

    Parameters
    ----------
    domains : mapping of str to domain
        For each hyperparameter a `Float`, `Int`, `Categorical`, `Ordinal`, a frozen univariate distribution
        of scipy.stats, or a plain value, which is a constant.
    forbid : iterable of conditions, optional
        Combinations that are never drawn, such as `(param("a") > 1) & (param("b") == "x")`.

    Attributes
    ----------
    names : tuple of str
        The d hyperparameters, in the order of `domains`: the columns of encoded points.
    forbid : tuple of conditions
        The forbidden combinations.

    Raises
    ------
    SpaceError
        If the space is wrong; it names the hyperparameter, the value and the fix.

    Examples
    --------
    >>> import rung
    >>> space = rung.Space({
    ...     "layers": rung.Int(1, 2),
    ...     "dropout": rung.Ordinal([0.1, 0.5]).when(rung.param("layers") == 2),
    ... })
    >>> space.size
    3
    >>> space.validate({"layers": 2, "dropout": 0.5})
    {'layers': 2, 'dropout': 0.5}
    """

    def __init__(self, domains: Mapping[str, Any], forbid: Iterable[Condition] = ()) -> None:
        self._domains = _building.domains_of(domains)
        self.forbid = _building.forbidden_of(forbid, self._domains)
        self.names = tuple(self._domains)
        self._plan = _building.plan_of(self._domains)
        self._resolved = tuple(_building.resolved(condition, self._domains) for condition in self.forbid)
        self._flat = all(condition is None for _, condition in self._plan)
        if self.forbid:
            import numpy as np

            self.sample(np.random.default_rng(0))

    repeat, blocks = staticmethod(repeat), staticmethod(blocks)

    @classmethod
    def of(cls, space: Space | Mapping[str, Any]) -> Space:
        """Return `space` if it is a Space, otherwise a Space of that mapping."""
        return space if isinstance(space, Space) else cls(space)

    def __getitem__(self, name: str) -> Domain:
        return self._domains[name]

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self._domains

    def sample(self, rng: Generator) -> Config:
        """Return a random configuration that is not forbidden; each hyperparameter has its own distribution.

        Raises
        ------
        SpaceError
            If 10,000 draws in a row are forbidden.
        """
        domains = self._domains.values()
        for _ in range(_DRAWS):
            draws = rng.random(len(domains)).tolist()
            config = self._assemble([domain.decode(u) for domain, u in zip(domains, draws, strict=True)])
            if self.allows(config):
                return config
        raise SpaceError(
            f"{_DRAWS:,} draws in a row were forbidden by {' or '.join(map(repr, self.forbid))}; forbid less"
        )

    def allows(self, config: Config) -> bool:
        """Return whether no forbidden combination matches `config`."""
        return not any(condition.holds(config) for condition in self._resolved)

    def encode(self, configs: Sequence[Config]) -> NDArray[np.float64]:
        """Return configurations as points of the unit cube.

        Parameters
        ----------
        configs : sequence of dict
            n valid configurations, such as `validate` returns.

        Returns
        -------
        numpy.ndarray
            Shape (n, d), in [0, 1], NaN where inactive; the columns are in the order of `names`. An integer
            or a choice lies inside a cell of its own.
        """
        import numpy as np

        points = np.full((len(configs), len(self)), np.nan)
        for column, (name, domain) in enumerate(self._domains.items()):
            rows = [row for row, config in enumerate(configs) if name in config]
            points[rows, column] = domain.encode([configs[row][name] for row in rows])
        return points

    def decode(self, points: NDArray[np.float64]) -> list[Config]:
        """Return the configurations at points of the unit cube: the inverse of `encode`.

        Parameters
        ----------
        points : numpy.ndarray
            Shape (n, d), clipped to [0, 1]. Coordinates of inactive hyperparameters are ignored, NaN among
            them.

        Returns
        -------
        list of dict
            n configurations, forbidden ones too; see `allows`.

        Raises
        ------
        SpaceError
            If the shape is another one, or an active coordinate is NaN.
        """
        import numpy as np

        points = np.asarray(points, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != len(self):
            raise SpaceError(f"points of shape {points.shape}; decode needs (n, {len(self)})")
        unit = np.nan_to_num(np.clip(points, 0, 1), nan=0.5)
        columns = [domain.decode_all(unit[:, j]) for j, domain in enumerate(self._domains.values())]
        configs = [self._assemble(row) for row in zip(*columns, strict=True)]
        for row, column in np.argwhere(np.isnan(points)):
            if self.names[column] in configs[row]:
                raise SpaceError(f"{self.names[column]}: NaN in row {row}, where it is active; give a number")
        return configs

    def snap(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where the configurations at `points` lie: `encode` of `decode`, but faster.

        Parameters
        ----------
        points : numpy.ndarray
            Shape (n, d), in [0, 1].

        Returns
        -------
        numpy.ndarray
            Shape (n, d), NaN where inactive, whatever `points` has there.
        """
        import numpy as np

        columns = [domain.snap(points[:, j]) for j, domain in enumerate(self._domains.values())]
        snapped = np.column_stack(columns)
        if not self._flat:
            snapped[~self._active(snapped)] = np.nan
        return snapped

    def neighbours(self, config: Config, rng: Generator, n: int) -> list[Config]:
        """Return up to `n` distinct configurations that differ from the valid `config` in one hyperparameter.

        A number makes a normal step of sd 0.2 in the unit interval (an Int at least to the next integer),
        a Categorical takes another choice, an Ordinal the next or the previous one. What becomes active by
        that is drawn at random.

        Parameters
        ----------
        config : dict
            A valid configuration.
        rng : numpy.random.Generator
            What all random choices come from.
        n : int
            Fewer (even none) come back if there are no more, or nearly all are forbidden.
        """
        names = [name for name in config if name in self.varying]
        here, found = self.key(config), dict[str, Config]()
        for _ in range(_TRIES * n if names else 0):
            other = self._moved(config, names[rng.integers(len(names))], rng)
            if self.allows(other) and self.key(other) != here:
                found.setdefault(self.key(other), other)
            if len(found) == n:
                break
        return list(found.values())

    @cached_property
    def varying(self) -> tuple[str, ...]:
        """The names of the hyperparameters that have more than one value, in order."""
        return tuple(name for name in self.names if self[name].size != 1)

    @cached_property
    def size(self) -> int | None:
        """The exact number of valid configurations; None if infinite or too many to count.

        Too many: over 100,000 combinations of the hyperparameters that conditions and `forbid` mention.
        """
        return count(self._domains, self._plan, self._resolved)

    def configs(self, points: Mapping[str, int] | None = None) -> Iterator[Config]:
        """Return an iterator over each valid configuration once, the last name changing fastest.

        Parameters
        ----------
        points : mapping of str to int, optional
            How many grid values a hyperparameter has; a Float needs it unless it has its own `points`.

        Raises
        ------
        SpaceError
            At once, if a hyperparameter has infinitely many values.
        """
        chosen = dict(points or {})
        for name in chosen:
            self._check_name(name, SpaceError)
        values = {name: self._lattice(name, chosen.get(name)) for name in self.names}
        return (self._in_order(config) for config in walk(self._plan, values) if self.allows(config))

    def validate(self, config: Mapping[str, Any]) -> Config:
        """Return a user's configuration in canonical form: plain values, names in order; constants may lack.

        Raises
        ------
        ConfigError
            If it does not fit this space; it names the hyperparameter, the value and the fix.
        """
        if not isinstance(config, Mapping):
            raise ConfigError(f"{brief(config)}: a {type(config).__name__}; a configuration is a dict")
        for name in config:
            self._check_name(name, ConfigError)
        result: Config = {}
        for name, condition in self._plan:
            if condition is None or condition.holds(result):
                result[name] = self._canonical(name, config)
            elif name in config:
                why = f"inactive, since {brief(self[name].condition)} does not hold"
                raise ConfigError(f"{name}: {brief(config[name])} given though it is {why}; leave it out")
        self._check_allowed(result)
        return self._in_order(result)

    def key(self, config: Config) -> str:
        """Return canonical JSON text of a valid configuration: equal exactly if configurations are equal."""
        return _serial.text(self._in_order(config))

    def to_json(self) -> dict[str, Any]:
        """Return the space as JSON-able data, from which `from_json` makes an equal one."""
        return _serial.space_to_json(self._domains, self.forbid)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the space that `to_json` wrote; SpaceError if `data` is anything else. Evaluates nothing."""
        return cls(*_serial.space_from_json(data))

    def config_to_json(self, config: Config) -> dict[str, Any]:
        """Return a configuration as JSON-able data: tuples become lists."""
        return {name: _serial.value_to_json(value) for name, value in config.items()}

    def config_from_json(self, data: Mapping[str, Any]) -> Config:
        """Return the configuration that `config_to_json` wrote: lists become tuples, names are in order."""
        if not isinstance(data, Mapping):
            raise ConfigError(f"{brief(data)}: a {type(data).__name__}; a stored configuration is a dict")
        return self._in_order({name: _serial.value_from_json(value) for name, value in data.items()})

    def diff(self, other: Space) -> str:
        """Return in words the first thing that `other` changes in this space, "" if they are equal."""
        for name in self.names:
            if name not in other:
                return f"{name!r} is gone"
        for name in other.names:
            if name not in self:
                return f"{name!r} is new"
            if _serial.domain_to_json(self[name]) != _serial.domain_to_json(other[name]):
                return f"{name!r} was {self[name]!r} and is now {other[name]!r}"
        if self.names != other.names:
            return f"the order was {', '.join(self.names)} and is now {', '.join(other.names)}"
        if self != other:
            return f"forbid was {list(self.forbid)!r} and is now {list(other.forbid)!r}"
        return ""

    @cached_property
    def _text(self) -> str:
        return _serial.text(self.to_json())

    def __eq__(self, other: object) -> bool:
        return self._text == other._text if isinstance(other, Space) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        lines = "".join(f"    {name!r}: {domain!r},\n" for name, domain in self._domains.items())
        forbid = f", forbid={list(self.forbid)!r}" if self.forbid else ""
        return f"Space({{\n{lines}}}{forbid})"

    def _assemble(self, values: Sequence[Value]) -> Config:
        every = dict(zip(self.names, values, strict=True))
        if self._flat:
            return every
        config: Config = {}
        for name, condition in self._plan:
            if condition is None or condition.holds(config):
                config[name] = every[name]
        return self._in_order(config)

    @cached_property
    def _parents(self) -> list[int]:
        conditions = [condition for _, condition in self._plan if condition is not None]
        names = {comparison.name for condition in conditions for comparison in condition.comparisons()}
        return [column for column, name in enumerate(self.names) if name in names]

    def _active(self, snapped: NDArray[np.float64]) -> NDArray[np.bool_]:
        import numpy as np

        # Whether a hyperparameter is active depends on its parents alone: each combination is looked at once.
        parents, rows = np.unique(snapped[:, self._parents], axis=0, return_inverse=True)
        names = [self.names[column] for column in self._parents]
        columns = [self[name].decode_all(u) for name, u in zip(names, parents.T, strict=True)]
        patterns = [self._pattern(dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True)]
        return np.array(patterns, dtype=bool)[rows.reshape(-1)]

    def _pattern(self, parents: Config) -> list[bool]:
        config: Config = {}
        active = set()
        for name, condition in self._plan:
            if condition is None or condition.holds(config):
                active.add(name)
                if name in parents:
                    config[name] = parents[name]
        return [name in active for name in self.names]

    def _in_order(self, config: Config) -> Config:
        return {name: config[name] for name in self.names if name in config}

    def _moved(self, config: Config, name: str, rng: Generator) -> Config:
        kept = config | {name: self[name].move(config[name], rng)}
        draws = zip(self._domains.items(), rng.random(len(self)).tolist(), strict=True)
        return self._assemble([kept[n] if n in kept else domain.decode(u) for (n, domain), u in draws])

    def _lattice(self, name: str, points: int | None) -> Sequence[Value]:
        try:
            return self[name].lattice(points)
        except SpaceError as error:
            raise SpaceError(f"{name}: {error}") from None

    def _check_name(self, name: object, error: type[SpaceError]) -> None:
        if name not in self:
            raise error(f"{brief(name)} is no hyperparameter of this space; {did_you_mean(name, self.names)}")

    def _canonical(self, name: str, config: Mapping[str, Any]) -> Value:
        if name not in config:
            if isinstance(domain := self[name], Constant):
                return domain.value
            raise ConfigError(f"{name}: missing; add a value of {brief(self[name], 200)}")
        try:
            return self[name].canonical(config[name])
        except ConfigError as error:
            raise ConfigError(f"{name}: {error}") from None

    def _check_allowed(self, config: Config) -> None:
        for shown, condition in zip(self.forbid, self._resolved, strict=True):
            if condition.holds(config):
                raise ConfigError(
                    f"{brief(config, 200)} is forbidden by {shown!r}; change one of these values"
                )
