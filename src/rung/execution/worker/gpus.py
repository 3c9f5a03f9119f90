"""Which GPUs each worker sees."""

from __future__ import annotations

import os
from fractions import Fraction

from rung.errors import ArgumentError
from rung.study.sizes import gpu_share

VARIABLE = "CUDA_VISIBLE_DEVICES"


def visible() -> list[str]:
    """The GPUs that this process may use: those of CUDA_VISIBLE_DEVICES, else all that the driver lists."""
    if (named := os.environ.get(VARIABLE)) is not None:
        return [name.strip() for name in named.split(",") if name.strip() not in {"", "-1"}]
    import subprocess

    command = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return listed.split()


def assign(per_trial: float, n_workers: int) -> list[str]:
    """The value of CUDA_VISIBLE_DEVICES of each worker; raises ArgumentError if there are too few GPUs."""
    share = Fraction(gpu_share("gpus_per_trial", per_trial)).limit_denominator(100)
    gpus = visible()
    if share >= 1:
        each = int(share)
        groups = [gpus[i : i + each] for i in range(0, len(gpus) - each + 1, each)]
    else:
        groups = [[gpu] for _ in range(share.denominator) for gpu in gpus]
    if len(groups) < n_workers:
        there = f"there are {len(gpus)}" if len(gpus) != 1 else "there is 1"
        where = VARIABLE if VARIABLE in os.environ else "nvidia-smi"
        raise ArgumentError(
            f"gpus_per_trial={per_trial} with n_workers={n_workers}: {there} ({where}), enough for "
            f"{len(groups)} at once; use fewer workers or a smaller share"
        )
    return [",".join(group) for group in groups[:n_workers]]
