"""Workers placed by Ray."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from rung.execution.node.crew import hold
from rung.execution.node.nodes import Nodes
from rung.execution.node.placed import installed, manned, remote
from rung.execution.work import Work
from rung.study.events import WorkerStarted


class Ray:
    """Ray places `n_workers` workers, each an actor; trials report to rung's own port.

    Parameters
    ----------
    address : str, optional
        Of a cluster, such as "auto" or "ray://..."; by default one is started on this machine.
    cpus_per_trial : float
        What each worker asks of Ray; GPUs are the study's `gpus_per_trial`.
    listen : str, optional
        HOST:PORT where workers join; by default a free port on the interface that Ray uses.
    runtime_env : mapping, optional
        As Ray has it.
    token, lease
        As in `Remote`.
    """

    name: ClassVar[str] = "ray"

    def __init__(
        self,
        address: str | None = None,
        *,
        cpus_per_trial: float = 1,
        listen: str | None = None,
        runtime_env: Mapping[str, Any] | None = None,
        token: str | None = None,
        lease: str | float | timedelta = "30s",
    ) -> None:
        self._address, self._cpus, self._runtime_env = address, cpus_per_trial, runtime_env
        self._listen, self._token, self._lease = listen, token, lease

    def check(self, work: Work) -> None:
        """Raise ArgumentError if Ray is not installed, or nothing can listen."""
        installed("ray", self.name)
        remote(self._listen, "127.0.0.1", self._token, self._lease).check(work)

    def reap(self, workers: Sequence[WorkerStarted], *, ended: bool) -> None:
        """Do nothing: Ray ends actors without a driver, and workers without a coordinator end."""

    def start(self, work: Work) -> Nodes:
        """Join the cluster, or start one, and have workers placed."""
        engine = _Actors(self._address, self._cpus, work.gpus_per_trial or 0, self._runtime_env)
        return manned(remote(self._listen, engine.host, self._token, self._lease), engine, work, self.name)


class _Actors:
    def __init__(
        self, address: str | None, cpus: float, gpus: float, runtime_env: Mapping[str, Any] | None
    ) -> None:
        import ray

        self._ray = ray
        self._owned = not ray.is_initialized()
        if self._owned:  # "local": ray.init() joins what was left over on this machine
            ray.init(address or "local", log_to_driver=False)
        self.host = ray.util.get_node_ip_address() if address else "127.0.0.1"
        options: dict[str, Any] = {"num_cpus": cpus, "num_gpus": gpus, "max_restarts": 0}
        if runtime_env:
            options["runtime_env"] = dict(runtime_env)

        class Holder:
            def hold(self, arguments: Sequence[str], env: Mapping[str, str]) -> int:
                return hold(arguments, env)

        self._holder = ray.remote(**options)(Holder)

    def place(self, arguments: Sequence[str], env: Mapping[str, str]) -> Any:
        actor = self._holder.remote()
        return actor, actor.hold.remote(arguments, env)

    def ended(self, handle: Any) -> str:
        ready, _ = self._ray.wait([handle[1]], timeout=0)
        if not ready:
            return ""
        try:
            code = self._ray.get(handle[1])
        except self._ray.exceptions.RayError as error:
            return f"{type(error).__name__}: {str(error).splitlines()[0]}"
        self._ray.kill(handle[0])
        return f"exit code {code}"

    def waits(self, handle: Any) -> str:
        free = self._ray.available_resources()
        return f"actors wait for room; free are {free.get('CPU', 0):g} CPUs and {free.get('GPU', 0):g} GPUs"

    def remove(self, handle: Any) -> None:
        self._ray.kill(handle[0])

    def close(self) -> None:
        if self._owned:
            self._ray.shutdown()
