"""`rung worker`: run trials of a study that another machine coordinates."""

from __future__ import annotations

import logging
import os
import signal
import sys
from typing import TYPE_CHECKING

import click

from rung.errors import ArgumentError
from rung.study.budget import seconds

if TYPE_CHECKING:
    import ssl


@click.command()
@click.argument("address", metavar="HOST:PORT")
@click.option("-n", "--n-workers", "--workers", "n_workers", type=click.IntRange(1, 1024), default=1,
              show_default=True, help="Trials at once.")  # fmt: skip
@click.option(
    "--certificate", metavar="FILE", help="TLS: the coordinator's certificate, or that of its authority."
)
@click.option("--patience", metavar="TIME", default="10m", show_default=True,
              help="How long to wait for a coordinator.")  # fmt: skip
def worker(address: str, n_workers: int, certificate: str | None, patience: str) -> None:
    """Run trials of the study that listens at HOST:PORT, until it is over.

    The study was started with --executor remote, or rung.Remote(); it shows the token, which RUNG_TOKEN must
    hold. On SIGTERM trials go on elsewhere from their next report.
    """
    from rung.execution.node.link import TOKEN, address_of, token_of
    from rung.execution.node.main import Node

    # No process that is started from here may read it in its environment.
    token = os.environ.pop(TOKEN, "")
    if not token:
        raise ArgumentError(f"{TOKEN} is not set; the study that listens at {address} shows it")
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("rung").setLevel(logging.INFO)
    sys.path.append(os.getcwd())  # noqa: PTH109 -- what the objective imports is looked for here, too
    node = Node(address_of("HOST:PORT", address), token_of(token), n_workers, tls=_context(certificate),
                patience=seconds(patience, "--patience"))  # fmt: skip
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: node.leave())
    node.run()


def _context(certificate: str | None) -> ssl.SSLContext | None:
    if certificate is None:
        return None
    import ssl

    try:
        return ssl.create_default_context(cafile=certificate)
    except OSError as error:
        raise ArgumentError(f"--certificate {certificate}: {error}") from error
