"""Real engines on this machine: each places workers, loses one, and ends with the same accounting."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cloudpickle
import pytest
from engines.slurm_here import can_start, slurm_here

import rung
from rung.testing import check_log

pytestmark = pytest.mark.engines
cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers can't import it


def training(config, trial):
    """Kills its worker, the whole `rung worker`, once; else trains by counting, with checkpoints."""
    import psutil

    if trial.number == 2 and trial.attempt == 1:
        node = psutil.Process().parent().parent()  # above the guard
        node.kill()
        time.sleep(30)
    state = int((trial.checkpoint_dir / "state").read_text()) if trial.resumes else 0
    for epoch in trial.epochs():
        state += 1
        with trial.checkpoint() as path:
            (path / "state").write_text(str(state))
        trial.report(epoch=epoch, y=config["x"] / epoch, state=float(state))


def hanging(config, trial):
    if trial.number == 0:
        time.sleep(60)
    return config["x"]


def tune(objective, executor, tmp_path, **arguments):
    return rung.tune(objective, {"x": rung.Float(0, 1)}, metric="y", executor=executor, n_workers=2, seed=0, name="s",
                     searcher="random", storage=str(tmp_path), progress=False, **arguments)  # fmt: skip


def check(study, n_trials):
    state = check_log(list(study._storage.read("s")), n_trials=n_trials)
    assert state.ended == "done" and state.counts["failed"] == 0
    for trial in study.trials:
        assert [r.metrics["state"] for r in trial.reports] == [r.resource for r in trial.reports]
    assert "lost" not in [attempt.outcome for trial in study.trials for attempt in trial.attempts]
    lost = study.trials[2].attempts[0]
    assert lost.outcome == "interrupted" and "is gone" in lost.reason
    return {worker.backend for worker in state.workers}


def no_worker_is_left(seconds=20):
    import psutil

    deadline = time.monotonic() + seconds
    while True:
        left = [
            p.info["cmdline"]
            for p in psutil.process_iter(["cmdline"])
            if "--patience" in (p.info["cmdline"] or ())
        ]
        if not left:
            return
        assert time.monotonic() < deadline, left
        time.sleep(0.2)


def test_dask(tmp_path):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        study = tune(
            training, rung.Dask(client, lease="3s"), tmp_path, scheduler="asha", max_resource=9, n_trials=12
        )
        assert check(study, 12) == {"dask"}
        study = tune(hanging, "dask", tmp_path / "2", n_trials=2, trial_timeout="1.5s")  # the current client
        assert [trial.status for trial in study.trials] == ["failed", "completed"]
        no_worker_is_left()


def test_ray_of_three_nodes_of_which_one_dies(tmp_path):
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    nodes = [cluster.add_node(num_cpus=2) for _ in range(2)]
    try:
        ray.init(address=cluster.address, log_to_driver=False)
        executor = rung.Ray(cluster.address, lease="3s")
        study = tune(training, executor, tmp_path, scheduler="asha", max_resource=9, n_trials=12)
        assert check(study, 12) == {"ray"}
        cluster.remove_node(nodes[0])
        study = tune(hanging, rung.Ray(cluster.address), tmp_path / "2", n_trials=2, trial_timeout="1.5s")
        assert [trial.status for trial in study.trials] == ["failed", "completed"]
        no_worker_is_left()
    finally:
        ray.shutdown()
        cluster.shutdown()


def test_slurm(tmp_path, monkeypatch):
    pytest.importorskip("submitit")
    if not can_start():
        pytest.skip("needs root, and Debian's slurm-wlm and munge")
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder, slurm_here(Path(folder)) as env:
        monkeypatch.setenv("SLURM_CONF", env["SLURM_CONF"])
        executor = rung.Slurm(str(tmp_path / "jobs"), listen="127.0.0.1:0", lease="3s")
        study = tune(training, executor, tmp_path, scheduler="asha", max_resource=9, n_trials=12)
        assert check(study, 12) == {"slurm"}
        assert (tmp_path / "jobs").stat().st_mode & 0o077 == 0  # the token is in there
        executor = rung.Slurm(str(tmp_path / "jobs"), listen="127.0.0.1:0", lease="3s", slurm_time=1)
        study = tune(hanging, executor, tmp_path / "2", n_trials=2, trial_timeout="1.5s")
        assert [trial.status for trial in study.trials] == ["failed", "completed"]
        no_worker_is_left()
        deadline = time.monotonic() + 30
        while subprocess.run(["squeue", "-h"], check=True, capture_output=True, text=True).stdout.strip():
            assert time.monotonic() < deadline
            time.sleep(0.5)
