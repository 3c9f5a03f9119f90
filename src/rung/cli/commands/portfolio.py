"""`rung portfolio`: the few configurations that together do best over many studies."""

from __future__ import annotations

import click

from rung._portfolio import portfolio as portfolio_of
from rung.cli.configs import as_toml
from rung.cli.output import json_option, storage_option, write_json, write_table


@click.command()
@click.argument("studies", nargs=-1, required=True)
@click.option("-n", "n", type=click.IntRange(min=1), default=8, help="Configurations (8).")
@click.option("--toml", "toml", is_flag=True, help="TOML, and nothing else on stdout.")
@storage_option
@json_option
def portfolio(studies: tuple[str, ...], n: int, toml: bool, storage: str, as_json: bool) -> None:
    """The few configurations that together do best over many STUDIES: names, or folders of studies.

    `rung run --initial-configs FILE` tries those first that --json or --toml wrote.
    """
    found = portfolio_of(studies, n, storage=storage)
    if as_json:
        write_json({"configs": found})
    elif toml:
        click.echo(as_toml(found), nl=False)
    else:
        names = list(dict.fromkeys(name for config in found for name in config))
        write_table(names, [[config.get(name) for name in names] for config in found])
