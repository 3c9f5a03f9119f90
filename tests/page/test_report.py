"""A study as one file, and as Markdown."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest
from page import hostile

import rung
from rung.page import report
from rung.storage import MemoryStorage


def data_of(page):
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    return json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


class Elements(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def check(storage, names, tmp_path):
    usual = None
    for name in names:
        view = rung.StudyView.load(name, storage=storage)
        page = view.to_html(tmp_path / "report.html").read_text()
        assert len(page.encode()) < 2_000_000, name
        found = Elements(page).found
        usual = usual or found
        assert found == usual, name
        trials = data_of(page)["documents"]["study"]["trials"]
        assert trials["number"] == [t.number for t in view.trials], name
        assert "<" not in re.sub(r"`[^`]*`", "", view.to_markdown()), name
    return usual


def test_no_text_of_a_study_becomes_an_element_of_its_report(tmp_path):
    storage = MemoryStorage()
    hostile.of_text(storage, "closing")
    usual = check(storage, ["text closing"], tmp_path)
    assert [tag for tag, _ in usual].count("script") == 2


@pytest.mark.slow
def test_no_study_puts_an_element_into_its_report(tmp_path):
    storage = MemoryStorage()
    check(storage, hostile.make(storage), tmp_path)


def test_the_report_runs_its_own_script_alone(tmp_path):
    study = rung.tune(
        lambda c: c["x"],
        {"x": rung.Float(0, 1)},
        n_trials=3,
        searcher="random",
        storage=":memory:",
        progress=False,
    )
    page = study.to_html(tmp_path / "report.html").read_text()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert (
        f"script-src 'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}';"
        in policy
    )
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert not re.search(r"^(import|export) ", script, re.MULTILINE) and "https:" not in page


def test_what_is_only_reported_is_not_in_a_report_and_making_one_is_no_look(tmp_path):
    study = rung.tune(
        lambda c: {"error": c["x"], "test_error": 0.123456}, {"x": rung.Float(0, 1)}, metric="error", report_only=["test_error"],
        n_trials=3, searcher="random", storage=":memory:", progress=False,
    )  # fmt: skip
    assert "0.123456" not in study.to_html(tmp_path / "report.html").read_text() + study.to_markdown()
    assert study.refresh() == 0 and study.state.looks == 0


def test_a_study_of_whatever_size_fits_and_its_best_is_there(tmp_path, monkeypatch):
    study = rung.tune(
        lambda c: c["x"],
        {"x": rung.Float(0, 1)},
        n_trials=60,
        searcher="random",
        storage=":memory:",
        progress=False,
    )
    limit = len(report.bundle()) + len((report.STATIC / "page.css").read_text()) + 14_000
    monkeypatch.setattr(report, "LIMIT", limit)
    page = study.to_html(tmp_path / "report.html").read_text()
    assert len(page.encode()) < limit
    found = data_of(page)["documents"]["study"]
    assert len(found["trials"]["number"]) < 60 and "of 60 trials" in found["thinned"]
    assert study.best_trial.number in found["trials"]["number"]


def test_markdown_says_how_the_study_stands():
    def objective(config, trial):
        if config["x"] > 0.8:
            raise ValueError("a | b `c`")
        for epoch in range(1, 5):
            trial.report(epoch=epoch, error=config["x"] / epoch)

    study = rung.tune(
        objective, {"x": rung.Float(0, 1)}, metric="error", max_resource=4, n_trials=12, searcher="random", seed=1, name="a|b",
        storage=":memory:", progress=False,
    )  # fmt: skip
    text = study.to_markdown()
    assert text.startswith(r"### Study `a\|b`: `error` = **") and "not confirmed" in text.splitlines()[0]
    assert f"| {study.best_trial.number} | {study.best_value:.4g} | █" in text
    assert r"times `ValueError: a \| b 'c'`" in text
