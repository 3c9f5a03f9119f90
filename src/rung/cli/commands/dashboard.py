"""`rung dashboard`: the live page."""

from __future__ import annotations

import click

from rung.cli.output import storage_option
from rung.views.text import visible


@click.command()
@click.argument("name", required=False)
@storage_option
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Of 127.0.0.1; without it, 8274 or the next free one."
)
@click.option(
    "--allow-stop", is_flag=True, help="Let the page stop studies and trials; its address is a secret then."
)
@click.option("--open", "show", is_flag=True, help="Open it in the browser.")
def dashboard(name: str | None, storage: str, port: int | None, allow_stop: bool, show: bool) -> None:
    """A live page of a study, or of all studies, for this machine's browsers.

    It only reads: studies may run in other processes, or have ended long ago. From elsewhere, reach it by
    `ssh -L 8274:127.0.0.1:8274 HOST`. Ctrl-C ends it, and no study.
    """
    from rung._dashboard import dashboard as serve

    with serve(name, storage=storage, port=port, allow_stop=allow_stop) as page:
        click.echo(visible(f"{page.url}  (Ctrl-C ends it)"))
        if show:
            click.launch(page.url)
        try:
            page.wait()
        except KeyboardInterrupt:
            click.echo("")
