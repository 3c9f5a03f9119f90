"""What executors share whose workers an engine places."""

from __future__ import annotations

import importlib.util
import os
import socket
from dataclasses import replace
from datetime import timedelta
from typing import Any

from rung.errors import ArgumentError
from rung.execution.node.crew import Engine
from rung.execution.node.nodes import Nodes
from rung.execution.remote import LISTEN, Remote
from rung.execution.work import Work


def installed(module: str, extra: str) -> None:
    """Raise ArgumentError unless the engine's library can be imported."""
    if importlib.util.find_spec(module) is None:
        raise ArgumentError(f"executor {extra!r} needs {module}: pip install 'rung[{extra}]'")


def remote(listen: str | None, host: str, token: str | None, lease: str | float | timedelta) -> Remote:
    """Where workers join: at the address that was given, else at a free port of `host`."""
    return Remote(listen or os.environ.get(LISTEN) or f"{host}:0", token=token, lease=lease)


def manned(remote: Remote, engine: Engine, work: Work, name: str) -> Nodes:
    """The executor, whose workers the engine places; it has given each its GPUs."""
    try:
        nodes = remote.listen(replace(work, gpus_per_trial=None))
    except BaseException:
        engine.close()
        raise
    nodes.name = name
    nodes.crew = remote.crew(nodes, engine, work.n_workers)
    return nodes


def host_towards(host: str, port: int) -> str:
    """The address of this machine on the way to another one; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, port))
        except OSError:
            return "127.0.0.1"
        found: Any = probe.getsockname()[0]
    return str(found)
