"""Every exception a user of rung can meet, as one tree.

    Error
    ├── ArgumentError       an argument is wrong (also a ValueError)
    │   └── SpaceError      the configuration space is wrong
    │       └── ConfigError a configuration does not fit its space
    ├── ObjectiveError      the objective can't be called, or broke the contract
    │   ├── MetricError     it did not report what was promised: no tuned metric, or no number
    │   └── TrialError      a trial raised, and on_error="raise" was asked for
    ├── NoTrialError        nothing to choose from: no successful (or feasible) trial yet
    ├── StudyError          a study can't be opened or continued as asked
    │   ├── StudyNotFound
    │   ├── StudyExists
    │   ├── StudyInUse      another coordinator runs it: who, where, since when
    │   └── StudyMismatch   the stored study was made with other arguments
    ├── StorageError        the log could not be written or read
    │   ├── LeaseLost       another coordinator took the study over; nothing was written
    │   ├── StudyCorrupt    the stored log is damaged
    │   └── StudyNewer      a newer rung wrote the log, and this one does not know all of it
    ├── WorkerError         worker processes can't be started
    └── TooManyFailures     the study stopped since trial after trial failed

`Interrupted` is raised after a stop by Ctrl-C. It is a KeyboardInterrupt, so that
``except Exception`` lets it pass.
"""

from __future__ import annotations


class Error(Exception):
    """Base of all errors of rung."""


class ArgumentError(Error, ValueError):
    """An argument is wrong; the message names it, its value and the fix."""


class SpaceError(ArgumentError):
    """The configuration space is wrong; the message names the hyperparameter and the fix."""


class ConfigError(SpaceError):
    """A configuration does not fit its space."""


class ObjectiveError(Error):
    """The objective can't be called as it is, or returned something that is no result."""


class MetricError(ObjectiveError):
    """The objective did not report what was promised: no tuned metric, no number, no growing epochs."""


class TrialError(ObjectiveError):
    """A trial raised an exception under ``on_error="raise"``; the message holds its traceback."""


class NoTrialError(Error):
    """There is no trial to choose from: none succeeded, or none is feasible."""


class StudyError(Error):
    """A study can't be opened or continued as asked."""


class StudyNotFound(StudyError):
    """There is no study of that name in the storage."""


class StudyExists(StudyError):
    """A study of that name is there already."""


class StudyInUse(StudyError):
    """Another coordinator runs this study; the message says who, where and since when."""


class StudyMismatch(StudyError):
    """The stored study was created with other arguments."""


class StorageError(Error):
    """The log could not be written or read."""


class LeaseLost(StorageError):
    """Another coordinator took the study over; this one has written nothing since."""


class StudyCorrupt(StorageError):
    """The stored log is damaged; the message names the last good event."""


class StudyNewer(StorageError):
    """A newer rung wrote the stored log; the message says what to upgrade to."""


class WorkerError(Error):
    """Worker processes can't be started."""


class TooManyFailures(Error):
    """The study stopped since one trial after another failed."""


class Interrupted(KeyboardInterrupt):
    """The study was stopped by Ctrl-C: running it again goes on where it stopped.

    Uncaught, it ends the program with this message in one line, without a traceback, and with exit code 130.
    """

    def _render_traceback_(self) -> list[str]:
        # IPython and notebooks ask for it.
        return [str(self)]
