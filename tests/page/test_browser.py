"""The page in a browser. `make test-page` runs these, with Debian's Chromium."""

from __future__ import annotations

import re
import time

import pytest
from page import hostile

import rung
from rung.storage import MemoryStorage

playwright = pytest.importorskip("playwright.sync_api", reason="make test-page installs it")
pytestmark = pytest.mark.page

SPACE = {
    "learning_rate": rung.Float(1e-4, 1, log=True),
    "optimizer": rung.Categorical(["sgd", "adam"]),
    "momentum": rung.Float(0, 1).when(rung.param("optimizer") == "sgd"),
}


def objective(config, trial):
    if config["learning_rate"] > 0.5:
        raise ValueError("it diverged")
    for epoch in range(1, 10):
        trial.report(epoch=epoch, error=config["learning_rate"] + 1 / epoch)


@pytest.fixture(scope="module")
def storage():
    storage = MemoryStorage()
    rung.tune(
        objective, SPACE, metric="error", max_resource=9, n_trials=40, searcher="random", scheduler="asha", seed=3, name="asha",
        storage=storage, progress=False, max_failures=100,
    )  # fmt: skip
    rung.tune(
        lambda c: {"a": c["x"], "b": 1 - c["x"]}, {"x": rung.Float(0, 1)}, metric={"a": "min", "b": "min"}, n_trials=20,
        searcher="random", seed=1, name="two", storage=storage, progress=False,
    )  # fmt: skip
    return storage


@pytest.fixture(scope="module")
def study(storage):
    return rung.StudyView.load("asha", storage=storage)


@pytest.fixture(scope="module")
def served(storage):
    with rung.dashboard(storage=storage, port=0) as page:
        yield page.url.removesuffix("#/")


@pytest.fixture(scope="module")
def chromium():
    with playwright.sync_playwright() as started:
        yield started.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])


@pytest.fixture
def tab(chromium):
    """A tab in which nothing may go wrong."""
    context = chromium.new_context(viewport={"width": 1200, "height": 800})
    opened, wrong = context.new_page(), []
    opened.on("console", lambda said: wrong.append(said.text) if said.type in {"error", "warning"} else None)
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    yield opened
    assert wrong == []
    context.close()


def until(tab, holds, value=None):
    """Wait until an expression holds; playwright's own waiting needs what the page's policy forbids."""
    deadline = time.monotonic() + 30
    while not tab.evaluate(holds if "=>" in holds else f"() => {holds}", value):
        assert time.monotonic() < deadline, holds
        time.sleep(0.02)


def look(tab, address):
    tab.goto(address)
    tab.wait_for_selector("main[data-version]")


def go(tab, view):
    """To another view of the same study."""
    tab.evaluate("() => delete document.querySelector('main[data-version]').dataset.version")
    tab.evaluate("to => { location.hash = to; }", view)
    tab.wait_for_selector("main[data-version]")


def marks(tab):
    found = tab.eval_on_selector_all(
        "canvas[data-marks]", "all => all.map(e => [e.ariaLabel.split(':')[0], Number(e.dataset.marks)])"
    )
    return dict(found)


def check_views(tab, study, address):
    """Each plot draws as many marks as the study has."""
    ended = [t for t in study.trials if t.value is not None]
    completed = [t for t in ended if t.status == "completed"]
    look(tab, f"{address}#/study/asha/overview")
    assert marks(tab) == {
        "Best so far over time": len(completed),
        "Learning curves": len([t for t in study.trials if t.reports]),
    }
    go(tab, "#/study/asha/parameters")
    found = marks(tab)
    assert found["Parallel coordinates"] == found["Slice of learning_rate"] == len(ended)
    assert found["Slice of momentum"] == len([t for t in ended if "momentum" in t.config])
    assert found["Two hyperparameters"] == len(ended)
    go(tab, "#/study/asha/rungs")
    levels = (1, 3, 9)
    reached = sum(any(r.resource == level for r in t.reports) for t in study.trials for level in levels)
    assert marks(tab) == {"Rungs": reached}
    go(tab, "#/study/asha/workers")
    assert marks(tab) == {"Worker timeline": sum(len(t.attempts) for t in study.trials)}
    go(tab, "#/study/asha/trials")
    assert tab.locator("table.trials").get_attribute("aria-rowcount") == "40"
    failed = next(t for t in study.trials if t.status == "failed")
    go(tab, f"#/study/asha/trial/{failed.number}")
    assert "it diverged" in tab.locator("pre").first.inner_text()
    go(tab, "#/study/asha/explain")
    assert "random" in tab.locator("pre").first.inner_text()


def test_each_view_draws_what_the_study_has(tab, served, study):
    check_views(tab, study, served)


def test_the_report_is_the_same_page_without_a_network(tab, study, tmp_path):
    path = study.to_html(tmp_path / "report.html")
    tab.context.set_offline(True)
    check_views(tab, study, path.as_uri())


def test_the_front_of_two_objectives(tab, served):
    look(tab, f"{served}#/study/two/front")
    until(tab, "document.querySelectorAll('canvas[data-marks]').length == 2")
    assert marks(tab)["b over a"] == 20


def test_home_leads_to_a_study(tab, served):
    tab.goto(served)
    until(tab, "document.querySelectorAll('.studies .state').length == 2")
    tab.click("text=asha")
    tab.wait_for_selector("main[data-version]")
    assert "#/study/asha/overview" in tab.url and tab.title().startswith("asha")


def test_one_filter_holds_for_every_plot_and_stands_in_the_address(tab, served, study):
    look(tab, f"{served}#/study/asha/overview")
    tab.click(".filter .chip:has-text('completed')")
    completed = [t for t in study.trials if t.status == "completed"]
    until(
        tab,
        "n => document.querySelector('canvas[aria-label^=Learning]').dataset.marks == n",
        str(len(completed)),
    )
    assert "status=completed" in tab.url
    tab.click("nav >> text=Hyperparameters")
    tab.wait_for_selector("canvas[aria-label^=Parallel]")
    until(
        tab,
        "n => document.querySelector('canvas[aria-label^=Parallel]').dataset.marks == n",
        str(len(completed)),
    )
    address = f"{served}#/study/asha/trials?status=completed%2Cstopped&top=5&in=0%3A%7E0.1"
    look(tab, address)
    tab.wait_for_selector(".trials tbody tr:not(.space)")
    low = [
        t for t in study.trials if t.status in {"completed", "stopped"} and t.config["learning_rate"] <= 0.1
    ]
    best = sorted(sorted(low, key=lambda t: t.value)[:5], key=lambda t: t.number)
    shown = tab.locator(".trials tbody tr:not(.space) td:first-child").all_inner_texts()
    assert shown == [str(t.number) for t in best]
    tab.click("th button:has-text('error')")
    tab.wait_for_selector("th[aria-sort=ascending]")
    shown = tab.locator(".trials tbody tr:not(.space) td:first-child").all_inner_texts()
    assert shown == [str(t.number) for t in sorted(best, key=lambda t: t.value)]


def test_search_and_keys(tab, served, study):
    look(tab, f"{served}#/study/asha/overview")
    tab.keyboard.press("/")
    tab.wait_for_selector("input[type=search]:focus")
    tab.keyboard.type("diverged")
    failed = [t.number for t in study.trials if t.status == "failed"]
    until(tab, "n => document.querySelectorAll('.trials tbody tr:not(.space)').length == n", len(failed))
    go(tab, "#/study/asha/overview")
    tab.focus("canvas[aria-label^='Best so far']")
    tab.keyboard.press("ArrowRight")
    assert re.match(r"trial \d+", tab.locator(".tip.shown").inner_text())
    tab.keyboard.press("Enter")
    tab.wait_for_selector("text=Configuration")
    assert "/trial/" in tab.url


def test_a_running_study_moves(tab):
    storage = MemoryStorage()
    study = rung.Study(SPACE, metric="error", max_resource=9, searcher="random", storage=storage, name="live")
    with study, rung.dashboard(study, port=0, allow_stop=True) as page:
        look(tab, page.url)
        assert "token" not in tab.url
        trial = study.ask()
        began = time.monotonic()
        study.report(trial, epoch=1, error=0.5)
        until(tab, "document.querySelector('canvas[aria-label^=Learning]')?.dataset.marks == 1")
        took = time.monotonic() - began
        study.report(trial, epoch=2, error=0.125)
        until(tab, "document.querySelector('.headline b')?.textContent == '0.125'")
        print(f"a report was on the page after {took:.2f} s")
        tab.on("dialog", lambda dialog: dialog.accept())
        tab.click("text=Stop the study")
        tab.wait_for_selector("text=The study will stop.")
        assert list(storage.requests(study._session._lease)) == ["stop"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_of_it(tab, served, scheme):
    tab.emulate_media(color_scheme=scheme)
    tab.set_viewport_size({"width": 360, "height": 740})
    look(tab, f"{served}#/study/asha/overview")
    for view in ("parameters", "rungs", "workers", "trials", "trial/1", "explain"):
        go(tab, f"#/study/asha/{view}")
        assert tab.evaluate("document.documentElement.scrollWidth") <= 360, view


def test_no_study_harms_who_looks(tab, tmp_path):
    storage = MemoryStorage()
    names = hostile.make(storage)
    with rung.dashboard(storage=storage, port=0) as page:
        tab.goto(page.url)
        until(tab, "n => document.querySelectorAll('.studies .state').length == n", len(names))
        for name in names:
            tab.evaluate("name => { location.hash = `#/study/${encodeURIComponent(name)}/overview`; }", name)
            tab.wait_for_selector("main[data-version]")
            for view in ("parameters", "trials", "trial/1", "front"):
                tab.evaluate(
                    "([name, view]) => { location.hash = `#/study/${encodeURIComponent(name)}/${view}`; }",
                    [name, view],
                )
                tab.wait_for_timeout(60)
            assert tab.evaluate("window.harmed") is None, name
            assert tab.locator(".notice:visible").count() == 0, (name, tab.locator(".notice").inner_text())
    for name in names:
        path = rung.StudyView.load(name, storage=storage).to_html(tmp_path / "report.html")
        look(tab, path.as_uri())
        assert tab.evaluate("window.harmed") is None, name
