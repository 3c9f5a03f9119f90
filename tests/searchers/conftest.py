import pytest

from rung.space import Space
from rung.study.events import AttemptEnded, AttemptStarted, StudyCreated, TrialCreated
from rung.study.history import History
from rung.study.metrics import Goals
from rung.study.state import StudyState
from rung.study.streams import stream


class Lab:
    """A study in memory, told what to try by a searcher and how good it was by a function."""

    def __init__(self, space, seed=0, mode="min"):
        self.space = Space.of(space)
        goals = Goals.of("loss", mode)
        created = StudyCreated(
            id="study", t=0.0, space=self.space.to_json(), goals=goals.to_json(), seed=seed
        )
        self.state = StudyState(created)
        self.history = History(self.state)

    def ask(self, searcher):
        rng = stream(self.state.seed, "suggest", len(self.state.trials))
        return searcher.suggest(self.history, rng)

    def add(self, config, loss=None):
        n = len(self.state.trials)
        stored = self.space.config_to_json(config)
        self.state.apply(TrialCreated(id=f"t{n}", t=0.0, trial=n, config=stored, origin="test"))
        self.state.apply(AttemptStarted(id=f"t{n}/a1", t=0.0, trial=n, attempt=1))
        if loss is not None:
            self.end(n, loss)

    def end(self, n, loss):
        ended = AttemptEnded(
            id=f"t{n}/a1/end", t=0.0, trial=n, attempt=1, outcome="completed", metrics={"loss": loss}
        )
        self.state.apply(ended)

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
