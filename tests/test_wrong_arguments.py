"""Every wrong argument is an ArgumentError, which is a ValueError, and exit code 2."""

from __future__ import annotations

import pytest
from cli.commands import rung_here

import rung
from rung.errors import ArgumentError, MetricError
from rung.schedulers import ASHA, PBT, Hyperband, MedianRule, SuccessiveHalving
from rung.searchers import CMAES, GP, TPE, Evolution, Local
from rung.storage import MemoryStorage
from rung.study.algorithm import Problem
from rung.study.metrics import Goals

SPACE = {"x": rung.Float(0, 1)}
NINE = Problem(rung.Space(SPACE), Goals.of("loss"), max_resource=9)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("metric", value) for value in ("", ["a", "b"], {}, 3)),
        ("mode", "maximum"),
        *(("n_trials", value) for value in (0, None)),
        ("timeout", "soon"),
        ("n_workers", 0),
        *(("searcher", value) for value in ("luck", 3, TPE)),
        *(("scheduler", value) for value in ("luck", 3, ASHA)),
        *(("scheduler", value) for value in ("asha", "pbt")),  # they need max_resource
        *(("scheduler", value) for value in (MedianRule(min_trials=0), PBT(population=1), Hyperband(eta=1))),
        ("max_resource", 0),
        ("resource", "a step"),
        *(("initial_configs", value) for value in (3, [{"x": 7}])),
        *(("constraints", value) for value in (3, {"mb": "20"}, {"": "< 20"})),
        *(("report_only", value) for value in (3, "test", ["value"])),
        ("seed", -1),
        ("keep_checkpoints", "some"),
        ("trial_timeout", "soon"),
        ("trial_memory", "much"),
        ("gpus_per_trial", 0.3),
        ("retries", -1),
        ("max_failures", 0),
        ("on_error", "ignore"),
        *(("name", value) for value in ("", " a", 3)),
        *(("storage", value) for value in (3, "mysql://host", "a\0b")),
        ("durability", "disk"),
    ],
)
def test_of_tune(tmp_path, option, value):
    options = {"n_trials": 3, "storage": str(tmp_path / "studies"), "progress": False, option: value}
    with pytest.raises(ArgumentError) as caught:
        rung.tune(lambda config: 1 / 0, SPACE, **options)
    assert isinstance(caught.value, ValueError)
    assert not (tmp_path / "studies").exists()


@pytest.mark.parametrize("storage", [":memory:", MemoryStorage()])
@pytest.mark.parametrize("durability", ["disk", 3, ["machine"], None])
def test_of_tune_the_durability_of_any_storage(storage, durability):
    with pytest.raises(ArgumentError, match=r'durability=.*; use "machine" or "process"'):
        rung.tune(
            lambda config: 1.0, SPACE, n_trials=3, storage=storage, durability=durability, progress=False
        )


@pytest.mark.parametrize("space", [{"x": rung.Float}, {}, 3])
def test_of_tune_the_space(space):
    with pytest.raises(ArgumentError):
        rung.tune(lambda config: 1.0, space, n_trials=3, storage=":memory:", progress=False)


@pytest.mark.parametrize(
    "make",
    [
        lambda: TPE(gamma=2),
        lambda: CMAES(population=1),
        lambda: CMAES(sigma=0),
        lambda: GP(n_initial=0),
        lambda: Evolution(population=1),
        lambda: Local(p_local=2),
        lambda: ASHA("both"),
        lambda: ASHA(brackets=9).check(NINE),
        lambda: SuccessiveHalving(min_resource=10).check(NINE),
        lambda: PBT(quantile=0.6).check(NINE),
    ],
)
def test_of_searchers_and_schedulers(make):
    with pytest.raises(ArgumentError):
        make()


@pytest.mark.parametrize(
    "call",
    [
        lambda: rung.simulate(SPACE, 3, max_resource=3),
        lambda: rung.simulate(SPACE, lambda config, epoch: 3, max_resource=3, n_trials=1),
        lambda: rung.simulate(
            SPACE, lambda config, epoch: ({"value": 1.0}, 1), max_resource=3, failures=2, n_trials=1
        ),
        lambda: rung.simulate(SPACE, lambda config, epoch: ({"value": 1.0}, 1), max_resource=3),
        lambda: rung.dry_run(lambda config: 1.0, SPACE, n_trials=3, stragglers=-1),
        lambda: rung.compare(lambda seed: None, {}),
        lambda: rung.compare(lambda seed: None, {"a": {}}, seeds=1),
        lambda: rung.Study(SPACE, storage=":memory:").tell(3, 1.0),
    ],
)
def test_of_the_others(call):
    with pytest.raises(ArgumentError):
        call()


def test_what_the_objective_did_not_report_is_no_wrong_argument():
    with pytest.raises(MetricError) as caught:
        rung.tune(lambda config: {3: 1.0}, SPACE, n_trials=3, storage=":memory:", progress=False)
    assert not isinstance(caught.value, ArgumentError)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("mode = 'maximum'", "mode='maximum' for metric 'value'"),
        ("report_only = ['value']", "report_only: value is tuned"),
        ("storage = 'mysql://host'", "storage=mysql://"),
        ("scheduler = 'pbt'", "needs max_resource="),
        ("durability = 'disk'", "durability='disk'"),
        ("name = ''", "name=''"),
    ],
)
def test_of_a_file_are_exit_code_2(tmp_path, setting, message):
    file = tmp_path / "job.py"
    file.write_text(
        f"import rung\nspace = {{'x': rung.Float(0, 1)}}\nn_trials = 1\n{setting}\ndef objective(x):\n    return x\n"
    )
    done = rung_here("run", str(file), cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
