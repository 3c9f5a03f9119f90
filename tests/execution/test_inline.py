"""The executor that runs objectives in the coordinator's own thread, on a study of one's own."""

from __future__ import annotations

import rung
from rung.execution.inline import Inline
from rung.objectives.function import Objective


def test_a_study_is_driven_by_it_with_reports_that_are_answered():
    reported = []

    def objective(config, trial):
        for epoch in range(1, 10):
            reported.append((trial.number, epoch))
            trial.report(epoch=epoch, loss=config["x"] / epoch)

    study = rung.Study({"x": rung.Float(0, 1)}, metric="loss", scheduler=rung.schedulers.ASHA("stopping"),
                       max_resource=9, searcher="random", seed=1, n_trials=9, storage=":memory:")  # fmt: skip
    study.drive(Inline(Objective.of(objective, study.space, study.goals, 9)))
    assert {t.status for t in study.trials} == {"completed", "stopped"}
    assert [(t.number, r.resource) for t in study.trials for r in t.reports] == reported
