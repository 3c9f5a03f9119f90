"""A Slurm of one node on this machine, from Debian's slurm-wlm and munge; only root can start it."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")


def can_start():
    return os.geteuid() == 0 and all(map(shutil.which, PROGRAMS))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def start(command, env):
    return subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@contextlib.contextmanager
def slurm_here(folder: Path, cpus=4):
    """Yields the environment in which sbatch finds it."""
    host = socket.gethostname()
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    conf = folder / "slurm.conf"
    conf.write_text(f"""
ClusterName=here
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={free_port()}
SlurmdPort={free_port()}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CommunicationParameters=NoInAddrAny
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/ctld.pid
SlurmdPidFile={folder}/d.pid
SlurmctldLogFile={folder}/ctld.log
SlurmdLogFile={folder}/d.log
ReturnToService=2
KillWait=5
SchedulerParameters=sched_interval=1,batch_sched_delay=1
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
""")
    env = {**os.environ, "SLURM_CONF": str(conf)}
    munge = ["munged", "-F", "-f", f"--key-file={key}", f"--socket={folder}/munge.socket", f"--pid-file={folder}/m.pid",
             f"--log-file={folder}/m.log", f"--seed-file={folder}/m.seed"]  # fmt: skip
    daemons = [start(munge, env)]
    try:
        time.sleep(1)
        daemons += [start([name, "-D", "-f", str(conf)], env) for name in ("slurmctld", "slurmd")]
        deadline = time.monotonic() + 60
        while (
            "idle"
            not in subprocess.run(
                ["sinfo", "-h"], check=False, env=env, capture_output=True, text=True
            ).stdout
        ):
            assert time.monotonic() < deadline, (folder / "ctld.log").read_text()[-2000:]
            time.sleep(0.3)
        yield env
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
