"""Every argument of `rung.tune` but the objective and the space, in one table.

Each field of `Settings` is one argument. Its `Setting` holds all that is to be known of it: the default, the
check, whether it belongs to the study or to the session, its flag on the command line, its form in the log.
A new argument is one field here and one parameter of each function that takes it; `tests/test_settings.py`
compares them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import islice
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal

from rung import schedulers, searchers
from rung._other_libraries import ARGUMENTS, OF_TUNE, advice
from rung._text import brief, is_iterable
from rung.errors import ArgumentError, ConfigError
from rung.schedulers import SCHEDULERS, Scheduler
from rung.searchers import SEARCHERS, Searcher
from rung.space import Config, Space
from rung.space.values import did_you_mean
from rung.study.algorithm import Problem
from rung.study.budget import Budget, seconds, whole
from rung.study.metrics import Goals, check_metric_name, check_rising
from rung.study.sizes import gpu_share, size_of
from rung.study.stopping import check_rules, rules_of, said_by

if TYPE_CHECKING:  # a storage knows the clock, and the engine, which takes settings, must not
    from rung.execution.work import Backend
    from rung.storage import Durability, Storage

KeepCheckpoints = Literal["best", "all", "none"]
OnError = Literal["continue", "raise"]
Scope = Literal["study", "session", "place"]
"""Belongs to the study, may differ by session, or says where the study is and what is shown of it."""
Kind = Literal["text", "texts", "whole", "number", "time", "bounds", "configs"]
"""How a flag is read; "texts" and "bounds" may be repeated."""
Check = Callable[[str, Any], Any]
"""(name, value) to the checked value; raises ArgumentError."""

_MOST_NAMES = 1000
"""Of `report_only`, which may be something without end."""
_MOST_CALLBACKS = _MOST_STUDIES = 100


@dataclass(frozen=True, slots=True)
class Setting:
    """One argument of `rung.tune`."""

    default: Any
    scope: Scope
    check: Check
    help: str
    flags: tuple[str, ...] = ()
    """Of the command line; without any it is set in a file or in Python only."""
    kind: Kind = "text"
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    """All values that the flag takes, if they are few."""
    to_json: Callable[[Any], Any] | None = None
    """The checked value as each session's entry in the log has it; None if it is not there."""


def _setting(
    default: Any, scope: Scope, check: Check, text: str, flags: str = "", **more: Any
) -> dict[str, Setting]:
    return {"setting": Setting(default, scope, check, text, tuple(flags.split()), **more)}


# ---- checks


def _as_given(_name: str, value: Any) -> Any:
    return value


def _optional(check: Check) -> Check:
    return lambda name, value: None if value is None else check(name, value)


def _at_least(low: int) -> Check:
    return lambda name, value: whole(name, value, low)


def _seconds(name: str, value: Any) -> float:
    return seconds(value, name)


def _one_of(*choices: str) -> Check:
    *others, last = map('"{}"'.format, choices)

    def check(name: str, value: Any) -> str:
        if not isinstance(value, str) or value not in choices:
            raise ArgumentError(f"{name}={brief(value)}; use {', '.join(others)} or {last}")
        return value

    return check


def _searcher(_name: str, value: Any) -> Searcher:
    return searchers.get(value)


def _scheduler(_name: str, value: Any) -> Scheduler:
    return schedulers.get(value)


def _names(_name: str, value: Any) -> Any:
    # Read once, as it may be a generator; what is no list of names, `Goals` refuses.
    return value if isinstance(value, str) or not is_iterable(value) else tuple(islice(value, _MOST_NAMES))


def _metric(name: str, value: Any) -> str:
    return check_metric_name(value, name)


def _configs(name: str, value: Any) -> Any:
    if not is_iterable(value):
        raise ConfigError(f"{name}={brief(value)}; give a list of configurations, which are dicts")
    return value


def _callbacks(name: str, value: Any) -> tuple[Callable[[Any], object], ...]:
    if not is_iterable(value):
        raise ArgumentError(f"{name}={brief(value)}; give a list of functions: {name}=[...]")
    found = tuple(islice(value, _MOST_CALLBACKS + 1))
    for callback in found:
        if not callable(callback) or isinstance(callback, type):
            raise ArgumentError(f"{name}: {brief(callback)}; give functions, or objects that can be called")
    if len(found) > _MOST_CALLBACKS:
        raise ArgumentError(f"{name}: more than {_MOST_CALLBACKS}; one function can call them all")
    return found


def _pairs(name: str, value: Any) -> Any:
    if isinstance(value, str | Mapping) or not is_iterable(value):
        raise ArgumentError(f"{name}={brief(value)}; give a list of pairs, [(config, value), ...]")
    pairs = []
    for i, pair in enumerate(value):
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise ArgumentError(f"{name}[{i}]={brief(pair)}; give a pair, (config, value)")
        pairs.append(tuple(pair))
    return tuple(pairs)


def _sources(name: str, value: Any) -> tuple[tuple[Any, Mapping[str, Any]], ...]:
    """Pairs of a study, name or folder and the values of hyperparameters that it does not have."""
    if isinstance(value, str | PathLike | Mapping) or not is_iterable(value):
        raise ArgumentError(f"{name}={brief(value)}; give a list of studies, names or folders: {name}=[...]")
    found = []
    for i, each in enumerate(islice(value, _MOST_STUDIES)):
        study, values = each if isinstance(each, tuple | list) and len(each) == 2 else (each, {})
        known = isinstance(study, str | PathLike) or hasattr(study, "trials")
        if not known or not isinstance(values, Mapping):
            raise ArgumentError(
                f"{name}[{i}]={brief(each)}; give a study, its name or its folder, or a pair of that and "
                'values that it does not have: ("old", {"momentum": 0.9})'
            )
        found.append((study, values))
    return tuple(found)


def identifier(name: str, value: Any) -> str:
    """Return the name of the resource; raises ArgumentError unless it can be a keyword."""
    if not isinstance(value, str) or len(value) > 200 or not value.isidentifier():
        raise ArgumentError(f'{name}={brief(value)}; give the keyword of report(), such as "epoch" or "step"')
    return str(value)  # as it is logged: a subclass such as numpy's may be given


def _confirm(name: str, value: Any) -> float | int | None:
    """A share in (0, 1), or a whole number of runs; True is 0.2."""
    if value is None or value is True:
        return None if value is None else 0.2
    number = value if isinstance(value, int | float) and value is not False else 0
    if 0 < number < 1:
        return float(number)
    if number == number // 1 and 3 <= number < 2**53:
        return int(number)
    raise ArgumentError(
        f"{name}={brief(value)}; give the share of the trials that run the finalists again, such as 0.2, or "
        "their number, at least 3"
    )


# ---- forms in the log


def _as_it_is(value: Any) -> Any:
    return value


def _name(executor: str | Backend | None) -> str | None:
    return executor if executor is None or isinstance(executor, str) else str(getattr(executor, "name", ""))


def _texts(rules: Sequence[object]) -> list[str]:
    return [said_by(rule) for rule in rules]


def _described(part: Searcher | Scheduler) -> Mapping[str, Any]:
    return part.to_json()


@dataclass(frozen=True)
class Settings:
    """The checked arguments of `rung.tune`: what the engine takes, the log keeps and the command line offers.

    `Settings.of` makes them: it fills in the defaults and checks. The storage checks `storage` and `name`.
    """

    # fmt: off
    metric: str | Mapping[str, str] = field(metadata=_setting(
        "value", "study", _as_given, "The tuned metric.", "--metric"))
    mode: str = field(metadata=_setting(
        "min", "study", _as_given, "Which values of it are good.", "--mode", choices=("min", "max")))
    n_trials: int | None = field(metadata=_setting(
        None, "session", _optional(_at_least(1)), "Trials in all.", "--n-trials", kind="whole",
        to_json=_as_it_is))
    timeout: float | None = field(metadata=_setting(
        None, "session", _optional(_seconds), "Running time in all: 90, 2h, 1h 30m.", "--timeout",
        kind="time", metavar="TIME", to_json=_as_it_is))
    stop_when: Any = field(metadata=_setting(
        None, "session", rules_of,
        "'<= 0.05', 'no improvement in 20 trials' (or 'in 2h'), or never; may be repeated.", "--stop-when",
        kind="texts", metavar="RULE", to_json=_texts))
    confirm: float | None = field(metadata=_setting(
        None, "session", _confirm, "Share or number of the trials that run the finalists again.",
        "--confirm", kind="number", metavar="N", to_json=_as_it_is))
    n_workers: int = field(metadata=_setting(
        1, "session", _at_least(1), "Trials at once.", "--n-workers --workers", kind="whole",
        to_json=_as_it_is))
    executor: str | Backend | None = field(metadata=_setting(
        None, "session", _as_given, "Where trials run: inline, processes, remote, ray, slurm, dask.",
        "--executor",
        metavar="NAME", to_json=_name))
    searcher: Searcher = field(metadata=_setting(
        "auto", "session", _searcher, f"{', '.join(SEARCHERS)}.", "--searcher", metavar="NAME",
        to_json=_described))
    scheduler: Scheduler = field(metadata=_setting(
        "fifo", "session", _scheduler, f"{', '.join(SCHEDULERS)}.", "--scheduler", metavar="NAME",
        to_json=_described))
    max_resource: int | None = field(metadata=_setting(
        None, "study", _optional(_at_least(1)), "Epochs of a trial.", "--max-resource", kind="whole",
        to_json=_as_it_is))
    resource: str = field(metadata=_setting(
        "epoch", "study", identifier, "What an epoch is called, such as step.", "--resource",
        metavar="NAME", to_json=_as_it_is))
    initial_configs: Sequence[Config] = field(metadata=_setting(
        (), "session", _configs, "Configurations to run first, in TOML or JSON: see rung portfolio.",
        "--initial-configs", kind="configs", metavar="FILE"))
    add: Sequence[tuple[Config, Any]] = field(metadata=_setting(
        (), "session", _pairs, "Earlier results."))
    continue_from: Any = field(metadata=_setting(
        None, "place", _as_given, "An earlier study, whose trials are taken over.", "--continue-from",
        metavar="NAME"))
    learn_from: Sequence[tuple[Any, Mapping[str, Any]]] = field(metadata=_setting(
        (), "place", _sources, "An earlier study, or a folder of some, to learn from; may be repeated.",
        "--learn-from", kind="texts", metavar="NAME"))
    constraints: Mapping[str, str] | None = field(metadata=_setting(
        None, "study", _as_given, "What the winner must keep, such as 'model_mb <= 20'; may be repeated.",
        "--constraint", kind="bounds", metavar="BOUND"))
    cost: str | None = field(metadata=_setting(
        None, "session", _optional(_metric), "What a trial costs, such as train_seconds: the search is for "
        "improvement per cost.", "--cost", metavar="METRIC", to_json=_as_it_is))
    rising: Sequence[str] = field(metadata=_setting(
        (), "session", _names, "A bounded metric that only rises in training; may be repeated.", "--rising",
        kind="texts", metavar="METRIC", to_json=list))
    report_only: Sequence[str] = field(metadata=_setting(
        (), "study", _names, "Kept for the final report; may be repeated.", "--report-only", kind="texts",
        metavar="METRIC"))
    seed: int | None = field(metadata=_setting(
        None, "study", _optional(_at_least(0)), "Of all random choices.", "--seed", kind="whole"))
    keep_checkpoints: KeepCheckpoints = field(metadata=_setting(
        "best", "session", _one_of("best", "all", "none"), "Whose stay when trials are over.",
        "--keep-checkpoints", choices=("best", "all", "none"), to_json=_as_it_is))
    trial_timeout: float | None = field(metadata=_setting(
        None, "session", _optional(_seconds), "How long a trial may run: 90, 2h.", "--trial-timeout",
        kind="time", metavar="TIME", to_json=_as_it_is))
    trial_memory: int | None = field(metadata=_setting(
        None, "session", _optional(size_of), "What a trial's processes may hold: 8GB.", "--trial-memory",
        metavar="SIZE", to_json=_as_it_is))
    gpus_per_trial: float | None = field(metadata=_setting(
        None, "session", _optional(gpu_share), "GPUs of each worker: 1, 2, 0.5.", "--gpus-per-trial",
        kind="number", metavar="N", to_json=_as_it_is))
    retries: int = field(metadata=_setting(
        1, "session", _at_least(0), "How often a trial whose worker died runs again.", "--retries",
        kind="whole", to_json=_as_it_is))
    max_failures: int = field(metadata=_setting(
        10, "session", _at_least(1), "Failed trials in a row that stop the study.", "--max-failures",
        kind="whole", to_json=_as_it_is))
    on_error: OnError = field(metadata=_setting(
        "continue", "session", _one_of("continue", "raise"), "Whether a trial that raises stops the study.",
        "--on-error", choices=("continue", "raise"), to_json=_as_it_is))
    callbacks: Sequence[Callable[[Any], object]] = field(metadata=_setting(
        (), "session", _callbacks, "What is called with each stored fact."))
    name: str | None = field(metadata=_setting(
        None, "place", _as_given, "Of the study; without it, the name of FILE.py, or of the space's file.",
        "--name"))
    storage: str | Storage | None = field(metadata=_setting(
        None, "place", _as_given, "Where the study is kept.", "--storage", metavar="FOLDER"))
    durability: Durability = field(metadata=_setting(
        "machine", "session", _one_of("machine", "process"), "What a report survives.", "--durability",
        choices=("machine", "process")))
    progress: bool | None = field(metadata=_setting(
        None, "place", _as_given, "Whether it is shown; None: as the terminal or notebook allows."))
    # fmt: on
    goals: Goals = field(init=False, repr=False, compare=False)
    """Of `metric`, `mode`, `constraints` and `report_only`."""
    budget: Budget = field(init=False, repr=False, compare=False)
    """Of `n_trials` and `timeout`."""

    def __post_init__(self) -> None:
        goals = Goals.of(self.metric, self.mode, self.constraints, self.report_only)
        object.__setattr__(self, "goals", goals)
        object.__setattr__(self, "budget", Budget(self.n_trials, self.timeout))
        check_rules(self.stop_when, goals)
        check_rising(self.rising, goals)

    @classmethod
    def of(cls, **arguments: Any) -> Settings:
        """Check arguments by the names that `rung.tune` gives them; the others have their defaults.

        Raises ArgumentError.
        """
        defaults = {name: setting.default for name, setting in SETTINGS.items()}
        return cls(**_checked({**defaults, **arguments}))

    def but(self, **arguments: Any) -> Settings:
        """Return these settings with some of them changed and checked; raises ArgumentError."""
        return replace(self, **_checked(arguments))

    def for_space(self, space: Space) -> Settings:
        """Return these settings with what depends on the space checked; raises ArgumentError.

        The initial configurations are in canonical form, each once.
        """
        problem = Problem(space, self.goals, self.max_resource)
        self.searcher.check(problem)
        if self.cost is not None and not isinstance(self.searcher, searchers.GP | searchers.Auto):
            raise ArgumentError(
                f'cost={self.cost!r}: searcher={self.searcher!r} does not look at costs; use "auto" or "gp"'
            )
        if self.learn_from and not self.searcher.learns(problem):
            raise ArgumentError(
                f"learn_from: searcher {self.searcher.name!r} does not learn from earlier studies here; use "
                '"auto" or "gp" with one objective and no constraints, or leave learn_from out'
            )
        self.check_confirmation(space, self.confirm)
        self.scheduler.check(problem)
        configs = [space.validate(config) for config in self.initial_configs]
        distinct = {space.key(config): config for config in configs}
        return replace(self, initial_configs=tuple(distinct.values()))

    def check_budget(self, space: Space) -> None:
        """Raise ArgumentError if nothing would ever end a study of `space`."""
        finite = space.size is not None or isinstance(self.searcher, searchers.Grid)
        if self.n_trials is None and self.timeout is None and not self.stop_when and not finite:
            raise ArgumentError(
                'no budget: give n_trials=50 or timeout="2h" (the space is infinite, so the study would be)'
            )

    def check_confirmation(self, space: Space, runs: float | None) -> None:
        """Raise ArgumentError if `runs`, a share or a number, can't confirm the winner of such a study."""
        if runs is None:
            return
        if isinstance(self.scheduler, schedulers.PBT):
            raise ArgumentError("confirm: pbt's configurations are ends of schedules and can't be run again; "
                                'leave it out, or give another scheduler, such as "asha"')  # fmt: skip
        if (n := self.n_trials) and n <= (fresh := max(3, runs if runs >= 1 else round(runs * n))):
            few = f"confirm={runs}, n_trials={n}"
            raise ArgumentError(f"{few}; leave some trials to the search, {fresh:g} are fresh runs")
        if runs >= 1 and self.n_trials is None and space.size is None:
            raise ArgumentError(f"confirm={runs} needs n_trials; with a timeout alone give a share of it")

    def to_json(self) -> dict[str, Any]:
        """Return what the log keeps with each session; goals and seed stand at its beginning."""
        return {
            name: setting.to_json(getattr(self, name))
            for name, setting in SETTINGS.items()
            if setting.to_json is not None
        }


SETTINGS: Mapping[str, Setting] = {
    f.name: f.metadata["setting"] for f in fields(Settings) if "setting" in f.metadata
}
"""Every setting by its name, in the order of `rung.tune`'s signature."""
OF_TUNE.update(SETTINGS)


def _checked(arguments: Mapping[str, Any]) -> dict[str, Any]:
    for name in arguments:
        if name not in SETTINGS:
            hint = advice(name, ARGUMENTS) or f"; {did_you_mean(name, SETTINGS)}"
            raise ArgumentError(f"{name}: there is no such setting{hint}")
    return {name: SETTINGS[name].check(name, value) for name, value in arguments.items()}
