"""The pictures of docs/dashboard.md, from studies that are run for them: `make page-images`."""

from __future__ import annotations

import math
import random
from pathlib import Path

from playwright.sync_api import sync_playwright

import rung
from rung.storage import MemoryStorage

IMAGES = Path(__file__).parents[1] / "docs/images"
SPACE = {
    "learning_rate": rung.Float(1e-4, 1, log=True),
    "optimizer": rung.Categorical(["sgd", "adam", "rmsprop"]),
    "momentum": rung.Float(0, 0.99).when(rung.param("optimizer") == "sgd"),
    "layers": rung.Int(1, 6),
    "width": rung.Int(16, 1024, log=True),
    "dropout": rung.Float(0, 0.6),
}


def objective(config, trial):
    """Curves like those of a small network, in no time."""
    noise = random.Random(trial.number)
    if config["layers"] == 6 and config["width"] > 500:
        raise MemoryError(f"a layer of {config['width']} units does not fit")
    worse = 0.12 * abs(math.log10(config["learning_rate"]) + 2) + 0.02 * abs(config["layers"] - 3)
    worse += 0.1 * (config["optimizer"] == "rmsprop") + 0.05 * abs(config["dropout"] - 0.2)
    for epoch in trial.epochs():
        error = 0.08 + worse + 0.7 * math.exp(-epoch / 6) + noise.gauss(0, 0.006)
        trial.report(epoch=epoch, validation_error=error, train_loss=2.3 * math.exp(-epoch / 5) + worse / 2)


def pictures():
    """Run a study, and write what its page shows."""
    storage = MemoryStorage()
    rung.tune(objective, SPACE, metric="validation_error", max_resource=27, n_trials=120, scheduler="asha", searcher="random",
              seed=3, name="fashion", storage=storage, progress=False, max_failures=100)  # fmt: skip
    with rung.dashboard(storage=storage, port=0) as page, sync_playwright() as started:
        browser = started.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for name, view, scheme, size in (
            ("overview", "overview", "light", (1200, 800)),
            ("parameters-dark", "parameters", "dark", (1200, 1000)),
            ("trials", "trials", "light", (1200, 800)),
            ("phone", "overview", "light", (390, 844)),
        ):
            context = browser.new_context(color_scheme=scheme, viewport={"width": size[0], "height": size[1]})
            tab = context.new_page()
            tab.goto(f"{page.url}study/fashion/{view}")
            tab.wait_for_selector("main[data-version]", timeout=120_000)
            tab.screenshot(path=IMAGES / f"dashboard-{name}.png", full_page="overview" in view)


if __name__ == "__main__":
    pictures()
