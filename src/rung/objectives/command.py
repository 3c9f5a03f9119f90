"""Any program as an objective."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.errors import MetricError, ObjectiveError
from rung.objectives import output, template
from rung.objectives.ended import ProgramFailed
from rung.objectives.program import Program, pass_on
from rung.space import Config, Space

if TYPE_CHECKING:
    from rung.objectives.trial import RunningTrial

PLACEHOLDERS = (
    "config", "max_resource", "start_resource", "target_resource", "checkpoint_dir",
    "trial", "attempt", "seed",
)  # fmt: skip
"""Names beside the hyperparameters. A hyperparameter of the same name goes first."""

_NOT_STARTED = 127
"""The exit code of a guard's child that could not become the program, as of shells."""
_SHOWN = 20
"""Lines of stderr in a failed trial's traceback."""


class Command:
    """A program as an objective, in any language.

    The text is split into arguments once, by the quoting rules of shells, and then each `{name}` is filled
    in within its argument; no shell sees it. Names are the hyperparameters, and `PLACEHOLDERS`:
    `{config}` is the configuration as JSON, which is in the environment as RUNG_CONFIG too. Strings go in as
    they are, other values as JSON; `{{` and `}}` are braces. Of an inactive hyperparameter `--name={x}`
    is left out, and so is `--name {x}`.

    Lines of its stdout that are JSON objects with a tuned metric are reports, at the epoch that they name
    (`{"epoch": 3, "validation_error": 0.2}`), or without one its result; `{"rung.log": {"note": "..."}}` does
    what `RunningTrial.log` does. Everything else is passed on to
    `sys.stdout`, stderr to `sys.stderr`. A scheduler's verdict ends it by SIGTERM, and SIGKILL after two
    seconds; its children end with it. An exit code other than 0 fails the trial.

    Parameters
    ----------
    command : str or sequence of str
        The program and its arguments, as one text or one by one.
    pattern : str, optional
        A regular expression to find in a line, instead of JSON; its named groups are the metrics and the
        epoch, as in `r"epoch (?P<epoch>[0-9]+) .*error=(?P<validation_error>[^ ]+)"`.
    cwd : str or Path, optional
        The folder in which it runs; the current one by default.

    Attributes
    ----------
    words : tuple of str
        The program and its arguments, with their placeholders.
    pattern : re.Pattern or None
        The compiled regular expression.
    cwd : Path or None
        The folder in which it runs.

    Raises
    ------
    ObjectiveError
        If the command is empty or can't be split, a brace is not part of a placeholder, or the pattern is not
        a regular expression.

    Examples
    --------
    >>> import rung
    >>> command = rung.Command("python train.py --lr {lr} --epochs {max_resource}")
    >>> sorted(command.names)
    ['lr', 'max_resource']

    `rung.tune(command, {"lr": rung.Float(1e-4, 1, log=True)}, metric="error", ...)` tunes it.
    """

    def __init__(
        self, command: str | Sequence[str], *, pattern: str | None = None, cwd: str | Path | None = None
    ) -> None:
        self.words = tuple(_split(command) if isinstance(command, str) else command)
        if not self.words:
            raise ObjectiveError('the command is empty; write one such as "python train.py --lr {lr}"')
        self._words = [template.Word.parse(word) for word in self.words]
        self.pattern = None if pattern is None else _compiled(pattern)
        self.cwd = None if cwd is None else Path(cwd)

    def __repr__(self) -> str:
        pattern = f", pattern={self.pattern.pattern!r}" if self.pattern else ""
        return f"Command({shlex.join(self.words)!r}{pattern})"

    @property
    def names(self) -> frozenset[str]:
        """Its placeholders."""
        return frozenset(name for word in self._words for name in word.names)

    def check(self, space: Space, metrics: Sequence[str], max_resource: int | None) -> None:
        """Raise ObjectiveError for what can't work in any trial of such a study."""
        if unknown := self.names - {*space.names, *PLACEHOLDERS}:
            known = ", ".join([*space.names, *(name for name in PLACEHOLDERS if name not in space)])
            raise ObjectiveError(
                f"the command has {{{min(unknown)}}}, which does not exist; there are: {known}"
            )
        for name in ("max_resource", "target_resource"):
            if name in self.names and name not in space and max_resource is None:
                raise ObjectiveError(f"the command has {{{name}}}: give max_resource, the epochs of a trial")
        self._check_inactive(space)
        self._check_program()
        if self.pattern and not set(metrics) & set(self.pattern.groupindex):
            found = ", ".join(self.pattern.groupindex) or "none"
            raise ObjectiveError(
                f"the pattern has no group for {metrics[0]!r} (its named groups: {found}); "
                f"write (?P<{metrics[0]}>...) around the number"
            )

    def _check_inactive(self, space: Space) -> None:
        for index, word in enumerate(self._words):
            for name in word.names:
                if name not in space or space[name].condition is None:
                    continue
                if not template.can_be_left_out(self._words, index):
                    raise ObjectiveError(
                        f"{self.words[index]!r} in the command: {name!r} is not in every configuration, and "
                        f"an argument may only be left out with its flag; write --flag {{{name}}} or "
                        f"--flag={{{name}}}, or give the program {{config}}, all of it as JSON"
                    )

    def _check_program(self) -> None:
        program = self._words[0]
        if not program.names and self._found(program.filled({})) is None:
            raise ObjectiveError(
                f"there is no program {program.filled({})!r}; name one on the PATH, or the path of an "
                "executable file (no shell runs the command: for a shell's syntax use a script, or sh -c)"
            )

    def _found(self, program: str) -> str | None:
        if os.sep not in program:
            return shutil.which(program)
        path = (self.cwd or Path()).absolute() / program
        return str(path) if path.is_file() and os.access(path, os.X_OK) else None

    def __call__(self, config: Config, trial: RunningTrial, /) -> dict[str, Any] | None:
        """Run it to its end and hand on its reports; raises TrialEnded, MetricError or ObjectiveError."""
        arguments, result = self._arguments(config, trial), dict[str, Any]()
        reported, line = trial.start_resource > 0, ""
        with self._start(arguments, config) as program:
            for line in program.lines():
                found = output.read(line, trial.tuned, trial.resource, self.pattern)
                if found is None and (kept := output.read_log(line, self.cwd or Path())) is not None:
                    trial.log(**kept)
                elif found is None:
                    pass_on(line, sys.stdout)
                elif found.get(trial.resource) is None:
                    result |= {name: value for name, value in found.items() if name != trial.resource}
                else:
                    trial.report(**found)
                    reported = True
        if program.status:
            _fail(program, arguments)
        if not result and not reported:
            raise MetricError(self._no_metric(trial, line))
        return result or None

    def _start(self, arguments: list[str], config: Config) -> Program:
        # What Python prints would otherwise wait in a buffer, and the scheduler for it.
        environment = {"PYTHONUNBUFFERED": "1", **os.environ, "RUNG_CONFIG": json.dumps(config)}
        try:
            program = self._found(arguments[0]) or arguments[0]
            return Program([program, *arguments[1:]], environment, self.cwd)
        except (OSError, ValueError) as error:  # too long, a NUL or half a character in it, no such folder
            raise ObjectiveError(f"{arguments[0]!r} can't be started: {error}") from error

    def _arguments(self, config: Config, trial: RunningTrial) -> list[str]:
        values = {
            "max_resource": trial.max_resource,
            "start_resource": trial.start_resource,
            "target_resource": trial.target_resource,
            "trial": trial.number,
            "attempt": trial.attempt,
            "seed": trial.seed,
            "config": json.dumps(config),
        }
        if "checkpoint_dir" in self.names and "checkpoint_dir" not in config:  # asked for, it is made
            values["checkpoint_dir"] = str(trial.checkpoint_dir.absolute())
        return template.filled(self._words, values | config)

    def _no_metric(self, trial: RunningTrial, last: str) -> str:
        metric = trial.tuned[0]
        tail = f"its last line: {last.strip()[:200]!r}" if last else "it printed nothing"
        if self.pattern:
            return f"no line of the program has {metric!r} in the pattern {self.pattern.pattern!r}; {tail}"
        example = json.dumps({trial.resource: 1, metric: 0.2})
        return (
            f"the program printed no {metric!r}; {tail}. Let it print lines such as {example}, "
            "name another metric, or give a pattern"
        )


def _split(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as error:
        raise ObjectiveError(
            f"the command {command!r} can't be split into arguments: {error}; close the quotes"
        ) from None


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ObjectiveError(f"pattern {pattern!r}: {error}; write a regular expression of Python") from None


def _fail(program: Program, arguments: Sequence[str]) -> None:
    lines = [line.rpartition("\r")[2].rstrip() for line in program.errors.rstrip().split("\n")]
    how = program.how_it_ended
    if program.exit_code == _NOT_STARTED and not lines[-1]:
        how += " (it can't be executed: does a script begin with #! and an interpreter?)"
    reason = f"{how}: {lines[-1]}" if lines[-1] else how
    raise ProgramFailed(reason[:500], "\n".join([f"$ {shlex.join(arguments)}", *lines[-_SHOWN:], how]))
