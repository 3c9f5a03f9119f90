"""Sending objectives to worker processes: by value where they can't be imported there."""

from __future__ import annotations

import functools
import io
from types import CodeType
from typing import Any

from rung.errors import ObjectiveError
from rung.objectives.function import Objective


def dumps(objective: Objective) -> bytes:
    """Pickle an objective, lambdas and notebook functions too; raises ObjectiveError if it can't be done."""
    import cloudpickle

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc, name-defined, unused-ignore]
        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, functools._lru_cache_wrapper) and _is_by_value(obj.__wrapped__):
                # A cached function of __main__ is pickled by name, which the worker does not have.
                return _cached, (obj.cache_parameters(), obj.__wrapped__)
            if isinstance(obj, CodeType):  # cloudpickle leaves the file out, which tracebacks are to name
                make, parts = self.dispatch_table[CodeType](obj)[:2]
                return make, tuple(obj.co_filename if part == "<dynamic-code>" else part for part in parts)
            return super().reducer_override(obj)

    buffer = io.BytesIO()
    try:
        Pickler(buffer).dump(objective)
    except Exception as error:
        raise ObjectiveError(
            f"the objective can't be sent to worker processes: {error} "
            "(open files, locks and connections can't travel: open them inside the objective)"
        ) from error
    return buffer.getvalue()


def _cached(parameters: dict[str, Any], function: Any) -> Any:
    return functools.lru_cache(**parameters)(function)


def _is_by_value(function: Any) -> bool:
    from cloudpickle.cloudpickle import list_registry_pickle_by_value

    module = getattr(function, "__module__", None)
    return module == "__main__" or module in list_registry_pickle_by_value()
