"""What an objective's arguments mean: the whole configuration, the trial, or hyperparameters by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Sequence
from difflib import SequenceMatcher
from inspect import Parameter
from typing import Any

from rung.errors import ObjectiveError

ASK = "write it as f(config), f(config, trial) or f(**config)"
_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_WHOLE = frozenset({
    "args", "cfg", "conf", "config", "configuration", "hp", "hparams", "hps", "hyperparameters", "kwargs",
    "options", "param", "parameters", "params", "point", "sample", "settings", "space", "trial", "values",
})  # fmt: skip
"""What the whole configuration is called, so never a misspelt hyperparameter; nor is a single letter."""
_SCALARS = ("bool", "float", "int", "str")
"""Annotations that a hyperparameter may have and the whole configuration never has."""
_ALIKE = 0.75


def read_signature(function: Callable[..., Any], names: Collection[str]) -> tuple[bool, bool]:
    """Whether to call f(**config) rather than f(config), and whether the trial is given too.

    `names` are the hyperparameters. A first parameter that is one of them, or a lone ``**kwargs``, asks for
    f(**config). Raises ObjectiveError if no call fits, or arguments look like misspelt hyperparameters.
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # some builtins tell no signature
        return False, False
    positional = [p for p in parameters if p.kind in _POSITIONAL]
    var_keyword = any(p.kind is p.VAR_KEYWORD for p in parameters)
    first = positional[0] if positional else None
    keyword_only = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
    by_name = first is not None and first.kind is not first.POSITIONAL_ONLY and first.name in names
    if by_name or (first is None and (var_keyword or keyword_only)):
        return True, _check_unpacked(function, parameters, names)
    if first is not None and _looks_by_name(first, parameters, names):
        raise _misspelt(function, parameters, names)
    return False, _check_positional(function, parameters)


def name_of(function: Any) -> str:
    """What to call an objective in an error."""
    return f"objective {getattr(function, '__name__', type(function).__name__)}"


def _check_positional(function: Callable[..., Any], parameters: Sequence[Parameter]) -> bool:
    positional = [p for p in parameters if p.kind in _POSITIONAL]
    if not positional and not any(p.kind is p.VAR_POSITIONAL for p in parameters):
        raise ObjectiveError(f"{name_of(function)} takes no argument; {ASK}")
    second = positional[1] if len(positional) > 1 else None
    takes_trial = second is not None and (second.default is second.empty or second.name == "trial")
    others = [p for p in positional[1 + takes_trial :] if p.default is p.empty]
    others += [p for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    if others:
        raise ObjectiveError(
            f"{name_of(function)}: nothing to give for {', '.join(p.name for p in others)}; "
            f"{ASK}, and set other arguments by functools.partial or a default"
        )
    return takes_trial


def _check_unpacked(
    function: Callable[..., Any], parameters: Sequence[Parameter], names: Collection[str]
) -> bool:
    accepted = {
        p.name for p in parameters if p.kind not in {p.VAR_POSITIONAL, p.VAR_KEYWORD, p.POSITIONAL_ONLY}
    }
    takes_trial = "trial" in accepted and "trial" not in names
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
    unknown = [] if takes_any else sorted(set(names) - accepted)
    lacking = [
        p.name
        for p in parameters
        if p.name in accepted and p.default is p.empty and p.name not in {*names, "trial"}
    ]
    if any(_alike(word, name) for word in lacking for name in unknown):
        raise _misspelt(function, parameters, names)
    if unknown:
        raise ObjectiveError(
            f"{name_of(function)} takes no argument {', '.join(unknown)}, which the space has; "
            "add it, or take the whole dict: f(config)"
        )
    if lacking:
        raise ObjectiveError(
            f"{name_of(function)}: nothing to give for {', '.join(lacking)}; "
            "add it to the space or give it a default"
        )
    return takes_trial


# ---- arguments that look like hyperparameters


def _looks_by_name(first: Parameter, parameters: Iterable[Parameter], names: Collection[str]) -> bool:
    others = [p for p in parameters if p is not first and p.default is p.empty and p.name != "trial"]
    if any(p.name in names and len(p.name) > 1 for p in others):
        return True
    if first.name in _WHOLE or len(first.name) == 1:
        return False
    if first.annotation is not first.empty:
        return _annotation(first) in _SCALARS
    # Like several of them: a name for all, as "theta" of theta_1 and theta_2.
    return sum(_alike(first.name, name) for name in names) == 1


def _annotation(parameter: Parameter) -> str:
    hint = parameter.annotation
    return hint if isinstance(hint, str) else getattr(hint, "__name__", "")


def _alike(word: str, name: str) -> bool:
    """Whether `word` may be meant for the hyperparameter `name`: lr, rate or learn_rate for learning_rate."""
    word, name = word.casefold(), name.casefold()
    parts, others = set(word.split("_")), name.split("_")
    if len(others) > 1 and word == "".join(part[:1] for part in others):
        return True
    if parts <= set(others) or set(others) <= parts:
        return True
    alike = SequenceMatcher(None, word.replace("_", ""), name.replace("_", "")).ratio()
    return min(len(word), len(name)) > 2 and alike >= _ALIKE


def _misspelt(
    function: Callable[..., Any], parameters: Iterable[Parameter], names: Collection[str]
) -> ObjectiveError:
    taken = [
        p.name for p in parameters if p.kind not in {p.VAR_POSITIONAL, p.VAR_KEYWORD} and p.name != "trial"
    ]
    free = [name for name in names if name not in taken]
    meant = ((word, next((n for n in free if _alike(word, n)), None)) for word in taken if word not in names)
    hints = [f"{name!r} for {word!r}" for word, name in meant if name]
    hint = f"did you mean {', '.join(hints)}? Else name" if hints else "name"
    return ObjectiveError(
        f"{name_of(function)} takes {', '.join(taken)}; the space has {', '.join(names)}: {hint} each "
        "argument after a hyperparameter, or take the whole dict: f(config)"
    )
