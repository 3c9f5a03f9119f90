"""What to say beside an exception of the objective's that is about its configuration or its trial."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Any

from rung import _other_libraries
from rung._text import brief


def hint(error: BaseException, names: Collection[str], tuned: Collection[str]) -> str:
    """A sentence that begins with "; ", or "". `names` are the hyperparameters, `tuned` the metrics."""
    if isinstance(error, KeyError) and (missing := missing_key(error, names)) is not None:
        if missing in names:
            return f"; {missing} is inactive in this configuration: config.get({missing!r}) is None then"
        near = _other_libraries.advice(missing, {}, names)
        return f"; the configuration has no {brief(missing)}, the space has {', '.join(names)}{near}"
    if isinstance(error, AttributeError) and isinstance(error.name, str) and _is_config(error.obj, names):
        if error.name in names:
            return f"; the configuration is a dict: config[{error.name!r}]"
        return _other_libraries.advice(error.name, _other_libraries.TRIAL)
    if isinstance(error, TypeError) and str(error).startswith("RunningTrial.report() takes"):
        return f"; metrics have names: trial.report(epoch=..., {next(iter(tuned), 'value')}=...)"
    return ""


def missing_key(error: KeyError, names: Collection[str]) -> str | None:
    """The key that a configuration does not have; None if the error is about another mapping."""
    key = error.args[0] if type(error) is KeyError and error.args else None
    if not isinstance(key, str):
        return None
    # A configuration is among the variables of the function that asked, and has not the key.
    asked = (value for value in _variables(error.__traceback__).values() if _is_config(value, names))
    return key if any(key not in config for config in asked) else None


def _variables(frames: TracebackType | None) -> Mapping[str, Any]:
    while frames and frames.tb_next:
        frames = frames.tb_next
    return frames.tb_frame.f_locals if frames else {}


def _is_config(value: object, names: Collection[str]) -> bool:
    return type(value) is dict and bool(value) and all(isinstance(k, str) and k in names for k in value)
