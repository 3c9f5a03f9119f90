"""A coordinator at work on a study that is ours."""

from __future__ import annotations

from typing import Generic, TypeVar

from rung.engine.coordinator import Coordinator
from rung.execution.base import Executor
from rung.storage.base import Lease, Storage

E_co = TypeVar("E_co", bound=Executor, covariant=True)


class Session(Generic[E_co]):
    """A lease, and the coordinator that works under it on an executor."""

    def __init__(self, storage: Storage, lease: Lease, executor: E_co, coordinator: Coordinator) -> None:
        self.executor, self.coordinator = executor, coordinator
        self._storage, self._lease = storage, lease

    def close(self) -> None:
        """End what is open, say why, and give the study back."""
        try:
            if not self.coordinator.engine.state.ended:
                self.coordinator.give_up()
        finally:
            self.coordinator.engine.state.torn = self.coordinator.torn
            try:
                self.executor.close()
            except KeyboardInterrupt:  # a second Ctrl-C, while the workers are being ended
                self.executor.close()
                raise
            finally:
                self._storage.release(self._lease)
