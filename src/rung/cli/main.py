"""The entry point: commands, errors, exit codes."""

from __future__ import annotations

from typing import Any

import click

from rung import __version__
from rung.cli.doctor import doctor
from rung.cli.export import export
from rung.cli.running import resume, run
from rung.cli.showing import best, delete, report, status, studies, trials
from rung.cli.trial import logs, trial
from rung.cli.trying import check, simulate
from rung.errors import (
    Error,
    MetricError,
    NoTrialError,
    StorageError,
    StudyInUse,
    TooManyFailures,
    TrialError,
    WorkerError,
)
from rung.views.text import visible, visible_lines

_CODES: tuple[tuple[type[Error], int], ...] = (
    (NoTrialError, 1),
    (TooManyFailures, 1),
    (MetricError, 1),
    (TrialError, 1),
    (WorkerError, 1),
    (StudyInUse, 3),
    (StorageError, 74),
    (Error, 2),
)
_INTERRUPTED = 130

_EPILOG = """\b
Exit codes:
  0    fine
  1    there is no best trial, the objective failed, or `check` or `doctor` found what is to be mended
  2    wrong arguments or file, no such study
  3    another process runs the study
  74   the study can't be written or read
  130  interrupted by Ctrl-C; the message says how to go on

--storage is a folder; without it, RUNG_STORAGE or rung_studies.
"""


class _Group(click.Group):
    """The commands, with every error of rung turned into its exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            click.echo(visible(str(stop)) or "interrupted", err=True)
            ctx.exit(_INTERRUPTED)
        except Error as error:
            click.echo(visible_lines(f"error: {error}"), err=True)
            ctx.exit(next(code for kind, code in _CODES if isinstance(error, kind)))


@click.group(cls=_Group, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def commands() -> None:
    """Find good hyperparameters, lose nothing, and look at what was found."""


for command in (
    run, resume, check, simulate, status, best, trials, trial, logs, studies, report, export, doctor, delete,
):  # fmt: skip
    commands.add_command(command)


def main() -> None:
    """Run the command that the arguments name."""
    commands.main(prog_name="rung")
