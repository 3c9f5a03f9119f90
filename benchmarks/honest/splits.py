"""What a validation interval says of the test error: docs/images/splits.png.

    python -m benchmarks.honest.splits      # two minutes on one core

The best net of the table (`benchmarks.honest.digits`) is trained 30 x 12 times: each twelve on one split of
the data, and again with a split for each run. Of each twelve, the 90 % interval of the validation error by
Student's t, beside the true error: the mean over all test images of all runs with a split of their own.
"""

from __future__ import annotations

import numpy as np
from benchmarks.honest.digits import TEST, VALIDATION, configurations, table, trained
from benchmarks.runs import ROOT
from matplotlib.figure import Figure
from scipy.special import stdtrit

STUDIES, RUNS = 30, 12
PICTURE = ROOT / "docs" / "images" / "splits.png"


def main() -> None:
    config = configurations()[int(table()["fresh validation"].mean(axis=1).argmin())]
    splits = {
        "one split for all runs": np.repeat(np.arange(STUDIES), RUNS),
        "a split of its own for each run": 1000 + np.arange(STUDIES * RUNS),
    }
    wrong = {name: trained(config, numbers.tolist()) for name, numbers in splits.items()}
    truth = 100 * float(wrong["a split of its own for each run"][1].mean()) / TEST
    figure = Figure(figsize=(8, 4), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for panel, (name, (validation, _)) in zip(panels, wrong.items(), strict=True):
        errors = 100 * validation.reshape(STUDIES, RUNS) / VALIDATION
        mean = np.sort(errors.mean(axis=1))
        half = stdtrit(RUNS - 1, 0.95) * errors.std(axis=1, ddof=1) / np.sqrt(RUNS)
        half = half[errors.mean(axis=1).argsort()]
        covers = abs(mean - truth) <= half
        for colour, which in (("tab:blue", covers), ("tab:red", ~covers)):
            panel.errorbar(
                np.arange(STUDIES)[which], mean[which], half[which], fmt="o", markersize=3, color=colour
            )
        panel.axhline(truth, color="black", linewidth=1)
        panel.set(title=f"{name}:\n{covers.sum()} of {STUDIES} intervals cover", xticks=[], xlabel="studies")
        print(f"{name}: {covers.sum()} of {STUDIES}; mean width {2 * half.mean():.2f} %")
    panels[0].set(ylabel="validation error, %")
    panels[0].annotate(
        f"true error {truth:.2f} %", (0, truth), xytext=(2, 3), textcoords="offset points", fontsize=9
    )
    figure.savefig(PICTURE, dpi=120)
    print(f"true error {truth:.2f} %; {PICTURE}")


if __name__ == "__main__":
    main()
