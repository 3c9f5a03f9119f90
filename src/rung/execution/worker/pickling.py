"""Sending objectives to worker processes: by value where they can't be imported there."""

from __future__ import annotations

import functools
import io
import pickle
import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from rung.errors import ObjectiveError
from rung.objectives.function import Objective

_NAMED = (FunctionType, type, functools._lru_cache_wrapper)
"""Kinds of what a process may be asked for by its name."""


def dumps(objective: Objective) -> bytes:
    """Pickle an objective, lambdas and notebook functions too; raises ObjectiveError if it can't be done."""
    import cloudpickle

    sent: dict[str, dict[str, Any]] = {}  # pickled after the objective, during which it is filled

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc, name-defined, unused-ignore]
        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, _NAMED) and _is_by_value(obj) and _named(obj) is obj:
                sent.setdefault(obj.__module__, {})[obj.__qualname__] = obj
            if isinstance(obj, functools._lru_cache_wrapper) and _is_by_value(obj.__wrapped__):
                # A cached function of __main__ is pickled by name, which the worker does not have.
                return _cached, (obj.cache_parameters(), obj.__wrapped__)
            if isinstance(obj, CodeType):  # cloudpickle leaves the file out, which tracebacks are to name
                make, parts = self.dispatch_table[CodeType](obj)[:2]
                return make, tuple(obj.co_filename if part == "<dynamic-code>" else part for part in parts)
            return super().reducer_override(obj)

    buffer = io.BytesIO()
    try:
        Pickler(buffer).dump((objective, sent, _script()))
    except Exception as error:
        raise ObjectiveError(
            f"the objective can't be sent to worker processes: {error} "
            "(open files, locks and connections can't travel: open them inside the objective)"
        ) from error
    return buffer.getvalue()


def loads(data: bytes) -> Objective:
    """Return the objective that `dumps` was given, its functions and classes known by their names as well.

    So pools inside an objective take functions of the script: a fork has the worker's `__main__`, and a
    spawned process imports the script as multiprocessing has it.
    """
    objective: Objective
    objective, sent, script = pickle.loads(data)
    for name, found in sent.items():
        if name == "__main__":
            vars(sys.modules[name]).update(script | found)
        elif "." not in name and find_spec(name) is None:  # as of the file that `rung run` was given
            vars(sys.modules.setdefault(name, ModuleType(name))).update(found)
    return objective


def _script() -> dict[str, Any]:
    """What multiprocessing goes by to import the main module in a process that it spawns.

    Nothing, if that module seems to have no ``if __name__ == "__main__"``: it would tune once more.
    """
    main = sys.modules["__main__"]
    file, spec = getattr(main, "__file__", None), getattr(main, "__spec__", None)
    try:
        guarded = file is not None and b"__main__" in Path(file).read_bytes()
    except OSError:
        guarded = False
    return {"__file__": file, "__spec__": spec and ModuleSpec(spec.name, None)} if guarded else {}


def _named(thing: Any) -> Any:
    """What a module has under the name of this function or class."""
    module = sys.modules.get(thing.__module__)
    return None if module is None else vars(module).get(getattr(thing, "__qualname__", ""))


def _cached(parameters: dict[str, Any], function: Any) -> Any:
    return functools.lru_cache(**parameters)(function)


def _is_by_value(function: Any) -> bool:
    from cloudpickle.cloudpickle import list_registry_pickle_by_value

    module = getattr(function, "__module__", None)
    return module == "__main__" or module in list_registry_pickle_by_value()
