"""The entry point: commands, errors, exit codes."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import click

from rung import __version__
from rung.cli import commands as package
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
_SYSTEM = 74
"""The system refused something: descriptors, space, a file in /proc."""
_INTERRUPTED = 130

_EPILOG = """\b
Exit codes:
  0    fine
  1    there is no best trial, the objective failed, or `check` or `doctor` found something to fix
  2    wrong arguments or file, no such study
  3    another process runs the study
  74   the study, or the output, can't be written or read
  130  interrupted by Ctrl-C; the message says how to go on

--storage is a folder; without it, RUNG_STORAGE or rung_studies.
"""


class _Group(click.Group):
    """The commands, with every error of rung turned into its exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names: a file of `cli/commands/` is a command."""
        return sorted(module.name for module in iter_modules(package.__path__))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The one of that name, imported when it is needed."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = getattr(import_module(f"{package.__name__}.{cmd_name}"), cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except click.NoSuchOption as error:
            run = self.get_command(ctx, "run")
            if run is None or all(error.option_name not in option.opts for option in run.params):
                raise
            raise click.UsageError(
                f"{error.option_name} is no option here, but one of rung run", error.ctx
            ) from None
        except KeyboardInterrupt as stop:
            click.echo(visible(str(stop)) or "interrupted", err=True)
            ctx.exit(_INTERRUPTED)
        except Error as error:
            click.echo(visible_lines(f"error: {error}"), err=True)
            ctx.exit(next(code for kind, code in _CODES if isinstance(error, kind)))
        except OSError as error:
            if error.errno == errno.EPIPE:  # the reader is gone, as behind `| head`: click ends quietly
                raise
            _drop_output()
            click.echo(visible_lines(f"error: {error}"), err=True)
            ctx.exit(_SYSTEM)


def _drop_output() -> None:
    # What stdout did not take (a full disk) it would not take at the interpreter's end either.
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        return
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(cls=_Group, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def commands() -> None:
    """Find good hyperparameters, lose nothing, and look at what was found."""


def main() -> None:
    """Run the command that the arguments name."""
    commands.main(prog_name="rung")
