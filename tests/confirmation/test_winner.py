"""What is said of a confirmed winner, and of one that is not."""

from __future__ import annotations

import json
import re

import pytest
from cli.commands import rung_here
from confirmation.noisy import SPACE, copy_of, error_of, noise, study

import rung
from rung.errors import ArgumentError, NoTrialError
from rung.execution.simulator import Simulator
from rung.page import documents
from rung.study import snapshot
from rung.study.events import StudyCreated


def both(job):
    return {"error": error_of(job), "test_error": error_of(job) + 0.05 + noise(job.seed + 1)}


def test_a_winner_prints_what_may_be_claimed_and_goes_into_json():
    made = study(both, report_only=["test_error"])
    winner = made.winner()
    text = str(winner).splitlines()
    assert text[0] == (
        f"winner: trial {winner.trial} of 30, chosen among 4 finalists by 14 fresh runs, claimed by 6 more"
    )
    assert text[1].startswith("error = ") and "of that was" in text[1]
    assert text[2].startswith("P(best of the finalists) = 0.")
    assert "(second)" in text[3] and ": not settled, P(better) = 0." in text[3]
    assert text[4:] == [f"runs of it differ by {winner.noise:.3f} (standard deviation)"]
    assert "test_error" not in str(winner)
    assert json.loads(json.dumps(winner.to_json()))["trial"] == winner.trial
    low, high = winner.interval
    assert low < winner.value < high
    assert winner.optimism == pytest.approx(winner.value - winner.observed)


def test_of_large_values_luck_has_the_same_sign():
    made = study(lambda job: -error_of(job), mode="max")
    alike = study()
    assert made.winner().trial == alike.winner().trial
    assert made.winner().value == pytest.approx(-alike.winner().value)
    assert made.winner().optimism == pytest.approx(alike.winner().optimism)
    assert made.winner().interval == pytest.approx(tuple(-end for end in reversed(alike.winner().interval)))


def test_after_confirming_the_best_is_the_winner_and_before_it_is_said_not_to_be():
    made = study(both, report_only=["test_error"])
    winner = made.winner()
    assert (made.best_config, made.best_value) == (winner.config, winner.value)
    report = made.final_report()
    assert report.winner.reported["test_error"].runs == 6
    assert "test_error = " in str(report) and "looked at once" in str(report)
    before = study(confirm=None)
    assert "not confirmed: rung confirm s --runs 20" in str(before.final_report())
    with pytest.raises(NoTrialError, match=r"no winner is confirmed; give confirm=0\.2"):
        before.winner()


def test_a_run_far_from_the_others_is_mentioned_although_it_widens_their_deviation():
    made = study(lambda job: error_of(job) + 5 * (job.repeat == 9))
    assert made.winner().far > 4
    assert re.search(
        r"; one lies \d+\.\d of these from the others: the interval may be too narrow", str(made.winner())
    )
    assert study().winner().far < 4 and "one lies" not in str(study().winner())


def test_of_a_winner_that_mostly_fails_no_number_is_made_up():
    made = study(lambda job: "broken" if job.repeat in {0, 2} else error_of(job), n_trials=10, confirm=3)
    winner = made.winner()
    assert (winner.own_runs, winner.failed_runs, winner.interval, winner.noise) == (1, 2, None, None)
    assert "too few runs to say how much runs of it differ; 2 of its 3 runs failed" in str(winner)
    json.dumps(winner.to_json(), allow_nan=False)


def test_a_winner_that_breaks_the_constraints_as_all_finalists_do_says_so():
    def value(job):
        return {"error": error_of(job), "seconds": 0.5 if job.repeat is None else 2.0}

    winner = study(value, constraints={"seconds": "<= 1"}).winner()
    assert not winner.feasible and "on average they break the constraints" in str(winner)
    winner = study(value, constraints={"seconds": "<= 3"}).winner()
    assert winner.feasible and "constraints" not in str(winner)


def test_the_page_and_markdown_show_the_winner_first_with_all_the_runs_that_it_rests_on():
    made = study()
    winner, shown = made.winner(), documents.status("s", made.state, None)["winner"]
    assert (shown["trial"], shown["value"]) == (winner.trial, winner.value)
    assert (shown["interval"], shown["text"]) == (list(winner.interval), str(winner))
    assert shown["runs"] == winner.own_runs == 11
    lines = made.to_markdown().splitlines()
    first, top = lines[0], lines[1 + next(i for i, line in enumerate(lines) if line.startswith("| ---"))]
    assert f"**{winner.value:.4g}**" in first and first.endswith("confirmed by 11 fresh runs")
    assert top.startswith(f"| {winner.trial} | ")


def test_a_winner_of_pbt_is_not_said_to_be_confirmable():
    made = rung.Study(SPACE, metric="error", searcher="random", scheduler="pbt", max_resource=2, n_trials=4,
                      storage=":memory:")  # fmt: skip
    made.drive(Simulator(lambda job: iter([(1.0, {"error": error_of(job)})] * (2 - job.start_resource)), 2))
    assert "not confirmed: a schedule of pbt can not be run again" in str(made.final_report())
    with pytest.raises(ArgumentError, match="leave it out, or give another scheduler"):
        made.confirm(lambda config: 1.0)


def test_a_level_out_of_range_is_refused():
    with pytest.raises(ArgumentError, match=r"level=90; give a number in \(0, 1\)"):
        study().winner(90)


def test_a_higher_level_is_a_wider_interval():
    made = study()
    assert made.winner(0.99).interval[0] < made.winner().interval[0]


def test_a_study_that_is_over_is_confirmed_on_top_of_its_trials():
    def train(config, trial):
        return (config["x"] - 0.3) ** 2 + noise(trial.seed)

    made = rung.tune(train, SPACE, n_trials=20, searcher="random", seed=3, storage=":memory:", progress=False)
    winner = made.confirm(train, runs=10, finalists=2, compare=[made.trials[0].config])
    assert len(made.trials) == 30
    assert len(winner.finalists) == 2
    assert [c.trial for c in winner.compared if c.asked] == [0]
    again = made.confirm(train, runs=5)
    assert len(made.trials) == 35 and len(made.state.confirmations) == 2
    assert again.claim_runs >= 3
    with pytest.raises(ArgumentError, match="is no completed trial"):
        made.confirm(train, compare=[{"x": 0.123456}])
    with pytest.raises(ArgumentError, match="runs=1"):
        made.confirm(train, runs=1)


def test_what_is_not_settled_says_how_sure_it_is_and_how_many_runs_would_settle_it():
    def train(config, trial):
        return 0.001 * config["x"] + noise(trial.seed + round(1e6 * config["x"]))

    made = rung.tune(train, SPACE, n_trials=20, searcher="random", seed=3, storage=":memory:", progress=False,
                     initial_configs=[{"x": 0.5}])  # fmt: skip
    winner = made.confirm(train, runs=20, compare=[{"x": 0.5}])
    asked = next(c for c in winner.compared if c.asked)
    assert not asked.settled and 0 < asked.p_better < 1
    line = next(line for line in str(winner).splitlines() if "(asked for)" in line)
    assert re.search(
        r"than trial 0 \(asked for\) by .*: not settled, P\((better|worse)\) = 0\.\d\d; (some|more)", line
    )
    assert line.endswith("runs of each would settle it")


@pytest.mark.parametrize("late", [True, False])
def test_a_score_that_the_last_third_improved_by_luck_is_said_to_be_noise(late):
    # Trial 3 is the best; one of the last third was lucky, or one of the first two.
    lucky = 9 if late else 5

    best = study(confirm=None, n_trials=10).trials[3].config["x"]

    def value(job):
        if job.repeat is not None:
            return 0.3 * (job.config["x"] != best) + noise(job.seed, 0.01)
        return {3: 0.0, lucky: -0.5}.get(job.id.trial, 1.0) + noise(job.seed, 0.001)

    made = study(value)
    winner = made.winner()
    assert (winner.trial, winner.finalists[:2]) == (3, (lucky, 3))
    said = "fresh runs did not: it was fitting the noise" in str(winner)
    assert said == late == (winner.late_gain is not None)


def test_a_snapshot_holds_confirmations():
    events = list(study().events())
    state = study(storage=copy_of(events)).state
    first = events[0]
    assert isinstance(first, StudyCreated)
    piece = snapshot.piece(state, snapshot.Mark(), range(len(state.trials)), events[-1], "")
    found = snapshot.restore(first, [(piece, len(piece))]).state
    assert found.confirmations == state.confirmations
    assert [(t.repeats, t.repeat) for t in found.trials] == [(t.repeats, t.repeat) for t in state.trials]


def test_the_command_line_confirms_at_the_end_or_afterwards(tmp_path):
    (tmp_path / "job.py").write_text(
        "import numpy, rung\nspace = {'x': rung.Float(0, 1)}\nsearcher = 'random'\n"
        "def objective(config, trial):\n"
        "    return config['x'] + numpy.random.default_rng(trial.seed).normal(0, 0.1)\n"
    )
    done = rung_here("run", "job.py", "--quiet", "--n-trials", "12", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = rung_here("confirm", "job", "--runs", "6", "--quiet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("winner: trial ") and " of 18, chosen among 2 finalists" in done.stdout
    said = done.stdout
    done = rung_here("best", "job", cwd=tmp_path)
    assert done.stdout.startswith("best: ") and done.stdout.endswith(said)
    done = rung_here("best", "job", "--json", cwd=tmp_path)
    found = json.loads(done.stdout)
    assert found["best"]["value"] == found["winner"]["value"] and found["winner"]["own_runs"] >= 3
    done = rung_here("status", "job", cwd=tmp_path)
    row = f"winner   value={found['winner']['value']:.4g} ["
    assert "\nbest " not in done.stdout
    assert row in done.stdout and f"trial {found['winner']['trial']}, confirmed by" in done.stdout
    assert json.loads(rung_here("status", "job", "--json", cwd=tmp_path).stdout)["winner"] == found["winner"]
    done = rung_here("doctor", "job", cwd=tmp_path)
    assert done.returncode == 0 and "confirmed" in done.stdout
