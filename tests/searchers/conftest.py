import copy

import pytest

from rung.space import Space
from rung.study.events import AttemptEnded, AttemptStarted, Reported, StudyCreated, TrialCreated
from rung.study.history import History
from rung.study.metrics import Goals
from rung.study.state import StudyState
from rung.study.streams import stream


class Lab:
    """A study in memory, told what to try by a searcher and how good it was by a function."""

    def __init__(self, space, seed=0, mode="min"):
        self.space = Space.of(space)
        self.t = 0.0
        goals = Goals.of("loss", mode)
        created = StudyCreated(
            id="study", t=0.0, space=self.space.to_json(), goals=goals.to_json(), seed=seed
        )
        self.events = [created]
        self.state = StudyState(created)
        self.history = History(self.state)

    def ask(self, searcher):
        return self._ask(searcher, self.history)

    def ask_afresh(self, searcher):
        """Ask without the caches that the history of this study keeps."""
        return self._ask(searcher, History(self.state))

    def _ask(self, searcher, history):
        rng = stream(self.state.seed, "suggest", len(self.state.trials))
        return searcher.suggest(history, rng)

    def add(self, config, loss=None):
        n = len(self.state.trials)
        stored = self.space.config_to_json(config)
        self._apply(TrialCreated(id=f"t{n}", t=self.t, trial=n, config=stored, origin="test"))
        self._apply(AttemptStarted(id=f"t{n}/a1", t=self.t, trial=n, attempt=1))
        if loss is not None:
            self.end(n, loss)

    def end(self, n, loss=None, outcome="completed"):
        metrics = {} if loss is None else {"loss": loss}
        attempt = self.state.open[n].number
        ended = AttemptEnded(
            id=f"t{n}/a{attempt}/end", t=self.t, trial=n, attempt=attempt, outcome=outcome, metrics=metrics
        )
        self._apply(ended)

    def report(self, n, resource, loss):
        attempt, number = self.state.open[n].number, len(self.state.curve)
        self._apply(
            Reported(
                id=f"t{n}/a{attempt}/r{number}", t=self.t, trial=n, attempt=attempt, number=number,
                resource=resource, metrics={"loss": loss},
            )
        )  # fmt: skip

    def again(self, n):
        """Start the next attempt of a trial."""
        attempt = len(self.state.trials[n].attempts) + 1
        self._apply(AttemptStarted(id=f"t{n}/a{attempt}", t=self.t, trial=n, attempt=attempt))

    def rebuilt(self):
        """The same study, folded anew from its events."""
        other = copy.copy(self)
        other.events = list(self.events)
        other.state = StudyState.replay(self.events)
        other.history = History(other.state)
        return other

    def _apply(self, event):
        self.events.append(event)
        self.state.apply(event)

    def run(self, searcher, n, loss=lambda config: 0.0):
        """Try up to n configurations one after the other; return them."""
        configs = []
        while len(configs) < n and (config := self.ask(searcher)) is not None:
            configs.append(config)
            self.add(config, loss(config))
        return configs


@pytest.fixture
def lab():
    return Lab
