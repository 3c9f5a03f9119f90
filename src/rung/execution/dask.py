"""Workers placed by Dask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import urlsplit

from rung.errors import ArgumentError
from rung.execution.node.crew import hold
from rung.execution.node.nodes import Nodes
from rung.execution.node.placed import host_towards, installed, manned, remote
from rung.execution.work import Work
from rung.study.events import WorkerStarted


class Dask:
    """Dask runs `n_workers` workers, each as a task; trials report to rung's own port.

    Any client will do: of a LocalCluster, dask-jobqueue or dask-kubernetes. Each task holds a thread of a
    Dask worker for the whole study.

    Parameters
    ----------
    client : distributed.Client, optional
        By default the current one.
    resources : mapping, optional
        What each worker asks of Dask, such as `{"GPU": 1}`; Dask counts them, and assigns no devices.
    listen : str, optional
        HOST:PORT where workers join; by default a free port on the interface towards the scheduler.
    token, lease
        As in `Remote`.
    """

    name: ClassVar[str] = "dask"

    def __init__(
        self,
        client: Any = None,
        *,
        resources: Mapping[str, float] | None = None,
        listen: str | None = None,
        token: str | None = None,
        lease: str | float | timedelta = "30s",
    ) -> None:
        self._client, self._resources = client, resources
        self._listen, self._token, self._lease = listen, token, lease

    def check(self, work: Work) -> None:
        """Raise ArgumentError without distributed or a client, or if nothing can listen."""
        installed("distributed", self.name)
        remote(self._listen, self._host(), self._token, self._lease).check(work)

    def reap(self, workers: Sequence[WorkerStarted], *, ended: bool) -> None:
        """Do nothing: workers whose coordinator is gone end, and with them their tasks."""

    def start(self, work: Work) -> Nodes:
        """Have tasks submitted."""
        tasks = _Tasks(self._found(), self._resources)
        return manned(remote(self._listen, self._host(), self._token, self._lease), tasks, work, self.name)

    def _found(self) -> Any:
        if self._client is not None:
            return self._client
        from distributed import default_client

        try:
            return default_client()
        except ValueError as error:
            raise ArgumentError("executor 'dask' without a client; give rung.Dask(client)") from error

    def _host(self) -> str:
        address = urlsplit(self._found().scheduler.address)
        return host_towards(address.hostname or "127.0.0.1", address.port or 1)


class _Tasks:
    def __init__(self, client: Any, resources: Mapping[str, float] | None) -> None:
        self._client, self._resources = client, resources

    def place(self, arguments: Sequence[str], env: Mapping[str, str]) -> Any:
        # A task that Dask ran again by itself would be a worker too many.
        return self._client.submit(hold, list(arguments), dict(env), pure=False, retries=0,
                                   resources=self._resources)  # fmt: skip

    def ended(self, future: Any) -> str:
        if not future.done():
            return ""
        if future.status == "error":
            return f"{future.exception()!r}"
        return f"exit code {future.result()}" if future.status == "finished" else str(future.status)

    def waits(self, future: Any) -> str:
        workers = len(self._client.scheduler_info(n_workers=-1)["workers"])
        return f"a task is {future.status}, of a cluster of {workers} workers"

    def remove(self, future: Any) -> None:
        self._client.cancel([future], force=True)

    def close(self) -> None:
        """The client is the caller's."""
