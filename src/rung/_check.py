"""check_objective(): does an objective do what rung asks of it? Found out by running it, and killing it."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from textwrap import indent, wrap
from typing import Any, Literal

from rung._bench import Bench, Run
from rung._other_libraries import explained
from rung.errors import ObjectiveError, WorkerError
from rung.execution.base import AttemptId, Job
from rung.objectives.command import Command
from rung.objectives.function import Objective
from rung.settings import identifier
from rung.space import Space
from rung.study.budget import seconds, whole
from rung.study.events import Outcome
from rung.study.metrics import Goals
from rung.study.sizes import size_text
from rung.study.streams import derived_seed, stream
from rung.views.text import duration, shown

Mark = Literal["ok", "note", "FIX"]
Curve = Mapping[int, Mapping[str, float]]
"""Tuned metrics by epoch."""

_WIDTH = 90
_TRACEBACK_LINES = 6
_SAVE = "save by `with trial.checkpoint() as path:` before you report"
_ROUNDING = 1e-6
"""What saving in lower precision may change, relative to a value."""
_ALMOST = "Two unbroken runs are equal to the last digit, so something is rounded, or not saved"
_ALL_STATE = (
    "Save all that training changes: the model, the optimiser's state, the learning rate's schedule and the "
    "random generators (or seed each epoch by trial.seed + epoch)"
)


@dataclass(frozen=True, slots=True)
class _Advice:
    """How it is done, in the words of an objective's kind."""

    report: str
    resource: str
    go_on: str
    directly: str


_FUNCTION = _Advice(
    "trial.report(epoch=..., ...)",
    "trial.max_resource",
    f"To go on, {_SAVE}, load it if trial.resumes, and train `for epoch in trial.epochs()`",
    "written directly into trial.checkpoint_dir: a crash in the middle of a write leaves half a file. "
    f"Better {_SAVE}",
)
_PROGRAM = _Advice(
    "a line with the epoch and the metric",
    "{max_resource}",
    "To go on, save into {checkpoint_dir} before you print the line, and begin after epoch {start_resource}",
    "written directly into {checkpoint_dir}: give each epoch a file of its own and load that of "
    "{start_resource}, and half a file costs nothing",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. A "note" is worth knowing, "FIX" needs a fix."""

    mark: Mark
    topic: str
    text: str
    detail: str = ""
    """The end of a traceback."""

    def __str__(self) -> str:
        head = f"{self.mark:<5} {self.topic:<12} "
        lines = wrap(self.text, _WIDTH, break_long_words=False, break_on_hyphens=False)
        return head + indent("\n".join([*lines, *self.detail.splitlines()]), " " * len(head)).lstrip()


@dataclass(frozen=True, slots=True)
class Report:
    """What `check_objective` found; its text is for people."""

    findings: tuple[Finding, ...]
    config: Mapping[str, Any]
    straight: Curve = field(default_factory=dict)
    """The tuned metrics by epoch, of the run without a break."""
    resumed: Curve = field(default_factory=dict)
    """The same of the run that was killed in the middle: what it reported last of each epoch."""
    epoch_seconds: float | None = None
    checkpoint_bytes: int | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing needs a fix."""
        return all(finding.mark != "FIX" for finding in self.findings)

    def __str__(self) -> str:
        marks = [finding.mark for finding in self.findings]
        counts = f"{marks.count('FIX')} to fix, {marks.count('note')} to know"
        head = f"{'ok' if self.ok else 'not ok'}: {counts}; tried with {shown(self.config)}"
        return "\n".join([head, *map(str, self.findings)])


@explained
def check_objective(
    objective: Callable[..., Any],
    space: Space | Mapping[str, Any],
    *,
    metric: str | Mapping[str, str] = "value",
    max_resource: int = 4,
    resource: str = "epoch",
    config: Mapping[str, Any] | None = None,
    seed: int = 0,
    timeout: str | float | timedelta = "10min",
    rtol: float = 1e-4,
) -> Report:
    """Try out whether an objective can travel, reports, is seeded, and goes on after a kill.

    It runs three times in worker processes: `max_resource` epochs straight; half of them, when its
    process is killed by SIGKILL while it waits in `trial.report`; and then on from its checkpoint in
    another process. The two curves must agree. Nothing is stored.

    Parameters
    ----------
    objective, space, metric, resource
        As in `tune`.
    max_resource : int
        Epochs of a run, handed to the objective as `trial.max_resource`; at least 2.
    config : mapping, optional
        The configuration to run; by default it is drawn by `seed`.
    seed : int
        Of the configuration and of the trial, at least 0.
    timeout : str, float or timedelta
        Of each of the three runs: seconds, or "10min". An objective that hangs is killed then.
    rtol : float
        The largest difference of two values, relative to their size, at which they count as the same. Where
        the two unbroken runs agree to the last digit, the resumed one must agree with them to 1e-6.

    Returns
    -------
    Report
        `ok`, `findings` and a text; everything wrong with the objective is in `findings`.

    Raises
    ------
    ArgumentError
        If another argument is wrong.

    Examples
    --------
    >>> import rung
    >>> def objective(config, trial):
    ...     for epoch in trial.epochs():
    ...         trial.report(epoch=epoch, error=config["x"] / epoch)
    >>> report = rung.check_objective(objective, {"x": rung.Float(0, 1)}, metric="error")
    >>> report.ok
    True
    >>> [finding.topic for finding in report.findings if finding.mark == "note"]
    ['resume', 'checkpoints']
    """
    space, goals = Space.of(space), Goals.of(metric)
    max_resource, limit = whole("max_resource", max_resource, 2), seconds(timeout)
    seed = whole("seed", seed, 0)
    chosen = space.sample(stream(seed, "suggest", 0)) if config is None else space.validate(config)
    job = Job(AttemptId(0, 1), chosen, derived_seed(seed, "trial", 0), max_resource,
              resource=identifier("resource", resource))  # fmt: skip
    try:
        bound = Objective.of(objective, space, goals, max_resource)
    except ObjectiveError as error:
        return Report((_fix("call", str(error)),), chosen)
    try:
        with tempfile.TemporaryDirectory(prefix="rung-check-", ignore_cleanup_errors=True) as home:
            return _Check(Bench(bound, job, limit, Path(home)), goals, rtol).report()
    except (ObjectiveError, WorkerError) as error:
        return Report((_fix("travel", f"{error}. Nothing else was checked"),), chosen)


def _ok(topic: str, text: str) -> Finding:
    return Finding("ok", topic, text)


def _note(topic: str, text: str) -> Finding:
    return Finding("note", topic, text)


def _fix(topic: str, text: str, detail: str = "") -> Finding:
    return Finding("FIX", topic, text, detail)


@dataclass(frozen=True, slots=True)
class _Check:
    """The runs of one objective, and the findings from them."""

    bench: Bench
    goals: Goals
    rtol: float

    @property
    def advice(self) -> _Advice:
        return _PROGRAM if isinstance(self.bench.objective.function, Command) else _FUNCTION

    def report(self) -> Report:
        straight, resumed = self.bench.run("straight"), dict[int, Mapping[str, float]]()
        findings = [_ok("travel", "it can be sent to worker processes")]
        if trouble := self._trouble(straight):
            findings.append(trouble)
        else:
            findings.append(self._metric(straight))
            findings += self._again(straight) if len(straight.steps) < 2 else self._killed(straight, resumed)
            findings += [_checkpoints(straight, self.advice), _time(straight)]
        size = straight.saved.size if straight.saved else None
        return Report(tuple(findings), self.bench.job.config, self._curve(straight), resumed,
                      straight.epoch_seconds, size)  # fmt: skip

    def _again(self, straight: Run) -> Iterator[Finding]:
        again = self.bench.run("again")
        if trouble := self._trouble(again):
            yield replace(trouble, text=f"in a second run: {trouble.text}")
        else:
            yield _seed(self._differences({0: again.final}, {0: straight.final}, self.rtol))

    def _killed(self, straight: Run, resumed: dict[int, Mapping[str, float]]) -> Iterator[Finding]:
        middle = straight.steps[(len(straight.steps) - 1) // 2].epoch
        before = self.bench.run("split", kill_at=middle)
        resumed.update(self._curve(before))
        if before.end is not None or before.hung:
            yield self._unlike(before, middle)
            return
        unlike = self._differences(self._curve(before), self._curve(straight), self.rtol)
        yield _seed(unlike)
        after = self.bench.run("split", attempt=2, after=before.steps[-1].epoch)
        resumed.update(self._curve(after))
        killed = f"killed {before.until} and resumed, it"
        if trouble := self._trouble(after):
            yield replace(trouble, topic="resume", text=f"{killed} failed {trouble.text}")
        else:
            where = _where(straight, before, after, killed, self.advice)
            yield where or self._values(straight, before, after)

    def _trouble(self, run: Run) -> Finding | None:
        """The fault of a run that was left alone, if it has one."""
        if run.hung:
            return _fix(
                "time limit",
                f"{run.until}: it was not done within {duration(self.bench.limit)} "
                "and was killed; give a longer timeout= if it is only slow",
            )
        end = run.end
        assert end is not None
        if end.outcome == Outcome.COMPLETED:
            problem = self.goals.missing(run.final) or self.goals.problem(run.final)
            return _fix("metric", problem) if problem else None
        if end.broken:
            return _fix("metric", end.reason)
        if end.outcome == Outcome.FAILED and not end.traceback:
            return _fix(
                "metric",
                f"{end.reason}; if only this configuration diverges, check another by config= or seed=",
            )
        return _fix("failure", f"{run.until}: {end.reason}", _tail(end.traceback))

    def _metric(self, run: Run) -> Finding:
        names = " and ".join(map(repr, self.bench.objective.metrics))
        if not run.steps:
            return _note(
                "metric",
                f"it returns a finite {names} and reports no epochs: fine with "
                f'scheduler="fifo"; others need {self.advice.report} after each',
            )
        epochs, wanted = [step.epoch for step in run.steps], self.bench.job.max_resource
        reports = f"it reports {names}, always finite, at epochs {', '.join(map(str, epochs))}"
        if epochs[-1] == wanted:
            return _ok("metric", reports)
        return _note("metric", f"{reports}; {self.advice.resource} is {wanted}: train up to it")

    def _unlike(self, run: Run, middle: int) -> Finding:
        trouble = self._trouble(run)
        why = trouble.text if trouble else f"it ended without a report of epoch {middle}"
        return _fix(
            "second run",
            f"the same configuration went otherwise the second time: {why}. "
            "If it keeps files, keep them in its checkpoint: trials must share none",
        )

    def _values(self, straight: Run, before: Run, after: Run) -> Finding:
        start = f"killed and resumed, it goes on at epoch {after.steps[0].epoch}"
        whole, half, found = map(self._curve, (straight, before, after))
        if self._differences(half, whole, self.rtol):
            return _note("resume", f"{start}; its values can't be compared, since it is not seeded")
        rest = {epoch: metrics for epoch, metrics in whole.items() if epoch >= after.steps[0].epoch}
        exact = not self._differences(half, whole, 0.0)
        rtol = min(self.rtol, _ROUNDING) if exact else self.rtol
        if far := self._differences(found, rest, rtol) or _lacking(found, rest):
            said = "; ".join(far[:3])
            return _fix("resume", f"{start}, but not as the unbroken run does: {said}. {_ALL_STATE}")
        if exact and (near := self._differences(found, rest, 0.0)):
            return _note(
                "resume", f"{start}, almost as the unbroken run does: {near[0]}. {_ALMOST}. {_ALL_STATE}"
            )
        return _ok("resume", f"{start}, with the values of the unbroken run")

    def _curve(self, run: Run) -> dict[int, Mapping[str, float]]:
        tuned = self.bench.objective.metrics
        return {s.epoch: {n: v for n, v in s.metrics.items() if n in tuned} for s in run.steps}

    def _differences(self, found: Curve, expected: Curve, rtol: float) -> list[str]:
        """Where `found` has other tuned values than `expected`, in words."""
        differences = _lacking(expected, found)
        for epoch, metrics in found.items():
            at = f" at epoch {epoch}" if epoch else ""
            for name in self.bench.objective.metrics if epoch in expected else ():
                a, b = metrics.get(name, math.inf), expected[epoch].get(name, math.inf)
                if not math.isclose(a, b, rel_tol=rtol):
                    digits = 6 if f"{a:.6g}" != f"{b:.6g}" else 17
                    differences.append(f"{name}={a:.{digits}g}, not {b:.{digits}g}{at}")
        return differences


def _lacking(found: Curve, expected: Curve) -> list[str]:
    return [f"epoch {epoch} was reported in one of the runs only" for epoch in expected if epoch not in found]


def _tail(text: str) -> str:
    # Python underlines parts of some lines, which says little here.
    return "\n".join([line for line in text.splitlines() if line.strip(" ^~")][-_TRACEBACK_LINES:])


def _seed(differences: Sequence[str]) -> Finding:
    if not differences:
        return _ok("seed", "two runs of one configuration give the same values")
    return _note(
        "seed",
        f"two runs of one configuration differ: {differences[0]}. It is not seeded, so "
        "a study can't be repeated; seed each generator by trial.seed: "
        "numpy.random.default_rng(trial.seed), torch.manual_seed(trial.seed)",
    )


def _where(straight: Run, before: Run, after: Run, killed: str, advice: _Advice) -> Finding | None:
    """What is wrong with the epoch at which a killed trial went on, if anything."""
    last = before.steps[-1]
    if not after.steps:
        return _fix("resume", f"{killed} reports nothing. {advice.go_on}")
    expected = next((step.epoch for step in straight.steps if step.epoch > last.epoch), last.epoch + 1)
    at, starts_over = after.steps[0].epoch, after.steps[0].epoch == straight.steps[0].epoch
    if at == expected:
        return None
    if starts_over and last.saved is None:
        return _note(
            "resume",
            "it starts over after a pause: fine with scheduler asha form stopping, "
            f"wasteful with promotion. {advice.go_on}",
        )
    unused = "it has saved a checkpoint and does not load it"
    why = unused if starts_over else "the checkpoint is of another epoch"
    return _fix("resume", f"{killed} goes on at epoch {at}, not at {expected}: {why}. {advice.go_on}")


def _checkpoints(run: Run, advice: _Advice) -> Finding:
    saved = [step.saved for step in run.steps if step.saved]
    if not saved:
        return _note("checkpoints", "none saved by rung: a trial that is cut off starts over")
    size = size_text(saved[-1].size)
    if saved[-1].epoch == 0 or any(
        a.folder == b.folder and a.changed != b.changed for a, b in pairwise(saved)
    ):
        return _note("checkpoints", f"{size}, {advice.directly}")
    return _ok("checkpoints", f"{size}, replaced in one step")


def _time(run: Run) -> Finding:
    each = run.epoch_seconds
    text = f"{_brief(run.final['train_seconds'])} in all" if each is None else f"{_brief(each)} an epoch"
    return _ok("time", text)


def _brief(value: float) -> str:
    return duration(value) if value >= 1 else f"{1000 * value:.3g} ms"
