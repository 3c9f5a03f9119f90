"""The running of one attempt, to its end, whatever its objective does."""

from __future__ import annotations

import os
import sys
import traceback

from rung.errors import MetricError
from rung.objectives.checkpoints import CheckpointStore, is_full
from rung.objectives.ended import ENDED_BY, DiskFull, TrialEnded
from rung.objectives.function import Objective
from rung.objectives.hints import hint, missing_key
from rung.objectives.job import End, Job
from rung.objectives.trial import RunningTrial, Send
from rung.objectives.usage import Usage
from rung.study.events import Outcome, Verdict

_MISTAKES = (NameError, AttributeError, TypeError, ImportError, SyntaxError)
"""What an objective raises whose code is wrong, rather than its configuration."""

_LONGEST = 20_000
"""Characters of a traceback."""
_OURS = ("rung.execution.", "rung.objectives.")
"""Modules whose frames are left out at the top of a traceback."""
_ENDINGS = (Outcome.STOPPED, Outcome.PAUSED, Outcome.INTERRUPTED, Outcome.FAILED)
"""How an attempt may end by a TrialEnded."""


def run_attempt(objective: Objective, job: Job, send: Send, store: CheckpointStore | None = None) -> End:
    """Run one attempt to its end, whatever the objective does, and measure it.

    `store` is where the trials of the study keep their checkpoints.
    """
    usage, process = Usage(), os.getpid()
    try:
        trial = RunningTrial(job, objective.metrics, send, store)
        try:
            metrics = objective(trial.config, trial)
        finally:
            if os.getpid() != process:  # a forked child that should have ended by itself
                os._exit(0)
            trial.close()
        trial.settle()
        if trial.verdict is not Verdict.CONTINUE:  # the objective returned instead of raising
            raise ENDED_BY[trial.verdict](trial.verdict.value)
    except DiskFull as error:
        return End(job.id, Outcome.INTERRUPTED, usage.measure(), _text(error), _traceback(), broken="disk")
    except TrialEnded as ended:
        return End(job.id, _outcome(ended), usage.measure(), _text(ended), _text(ended.traceback, _LONGEST))
    except MetricError as error:
        return End(job.id, Outcome.FAILED, usage.measure(), _text(error, 2000), _traceback(), broken="metric")
    except BaseException as error:  # noqa: BLE001 -- whatever user code raises, SystemExit included, is data
        said = _describe(error) + hint(error, objective.names, objective.metrics)
        wrong = isinstance(error, _MISTAKES) or _no_hyperparameter(error, objective)
        return End(
            job.id, Outcome.FAILED, usage.measure(), said, _traceback(), broken="code" if wrong else ""
        )
    return End(job.id, Outcome.COMPLETED, {**usage.measure(), **metrics})


def _no_hyperparameter(error: BaseException, objective: Objective) -> bool:
    key = missing_key(error, objective.names) if isinstance(error, KeyError) else None
    return key is not None and key not in objective.names


def _outcome(ended: TrialEnded) -> Outcome:
    # An objective may raise a class of its own.
    return next((known for known in _ENDINGS if known == ended.outcome), Outcome.FAILED)


def _describe(error: BaseException) -> str:
    text = _text(error)
    hint = (
        "; the disk is full or broken: a trial that can't write its own files fails" if is_full(error) else ""
    )
    return f"{type(error).__name__}: {text}{hint}" if text else type(error).__name__


def _text(said: object, longest: int = 500) -> str:
    try:
        return str(said)[:longest]
    except Exception:  # noqa: BLE001 -- an exception whose own text can't be made
        return ""


def _traceback() -> str:
    error = sys.exc_info()[1]
    assert error is not None
    frames = error.__traceback__
    while frames and frames.tb_frame.f_globals.get("__name__", "").startswith(_OURS):
        frames = frames.tb_next  # how rung calls the objective explains nothing
    try:
        text = "".join(traceback.format_exception(type(error), error, frames))
    except Exception:  # noqa: BLE001
        return ""
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "\n... (cut)\n"
