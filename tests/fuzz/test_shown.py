"""Foreign text where it is shown: on terminals, in notebooks, tables, exports and figures."""

from __future__ import annotations

import csv
import io
import json
import logging
from contextlib import nullcontext

import pytest
from click.testing import CliRunner
from rich.console import Console

import rung
from rung.cli.main import commands
from rung.study.budget import Budget
from rung.views import notebook, terminal
from rung.views.plain import Plain
from rung.views.summary import summarise

TEXTS = ["\x1b[2J", "\x1b]8;;http://evil\x07x\x1b]8;;\x07", "\x07", "a\nb\rc", "\u202egpj", "<script>alert(1)</script>",
         '"><img src=x onerror=alert(1)>', "[red]x[/red]", "[link=file:///x]y[/link]", "[/]", "$\\frac{", "$a$ $b$", "=1+1",
         "@x", "\ud800"]  # fmt: skip
QUICK = {TEXTS[0], TEXTS[3], TEXTS[5], TEXTS[10], TEXTS[12]}
SOME = [pytest.param(text, marks=[] if text in QUICK else pytest.mark.slow) for text in TEXTS]


def shown_study(root, text):
    def objective(config):
        if config["n"] == 2:
            raise RuntimeError(text)
        return {text: 1.0, f"test {text}": 2.0}

    space = {text: rung.Categorical([text, f"{text}2"]), "n": rung.Int(1, 2)}
    name = "".join(c for c in text if c.isprintable()).strip() or "s"
    return rung.tune(
        objective, space, metric=text, report_only=[f"test {text}"], searcher="grid", name=name, storage=str(root),
        progress=False, seed=0, durability="process",
    )  # fmt: skip


def assert_plain(shown):
    assert not [c for c in shown if not c.isprintable() and c != "\n"]


@pytest.mark.parametrize("text", SOME)
def test_nothing_foreign_gets_through_raw(tmp_path, text, capsys):
    study = shown_study(tmp_path, text)
    summary = summarise(study.name, study.state, 1.0, Budget(4, None))
    html = notebook.render(summary, study.name)
    assert "<script" not in html
    assert "<img" not in html
    assert_plain(html)
    console = Console(
        file=(out := io.StringIO()), markup=False, highlight=False, emoji=False, width=300, no_color=True
    )
    console.print(terminal.render(summary, 300, 40))
    assert_plain(out.getvalue())
    if text.startswith("["):
        assert text in out.getvalue()  # as it is, not obeyed
    view = Plain(lambda: nullcontext(study.state))
    view.start(summary)
    view._seen, view._unfinished = 0, []
    view.finish(summary)
    assert_plain(capsys.readouterr().err)
    assert_plain(str(study.final_report()))
    assert_plain(study.explain())
    for words in (
        ["status"],
        ["best"],
        ["trials"],
        ["studies"],
        ["report"],
        ["trials", "--json"],
        ["best", "--json"],
    ):
        result = CliRunner().invoke(commands, [*words, "--storage", str(tmp_path)])
        assert result.exit_code == 0, result.output
        assert_plain(result.output)
    told = json.loads(CliRunner().invoke(commands, ["trials", "--json", "--storage", str(tmp_path)]).output)
    assert [row["config"] for row in told] == [t.config for t in study.trials]


@pytest.mark.parametrize("text", SOME)
def test_csv_holds_text_and_no_formula(tmp_path, text):
    study = shown_study(tmp_path, text)
    out = CliRunner().invoke(commands, ["trials", "--csv", "--storage", str(tmp_path)]).output
    assert_plain(out)
    rows = list(csv.reader(io.StringIO(out)))
    assert len(rows) == 1 + len(study.trials)
    for cell in (cell for row in rows for cell in row):
        assert not cell.startswith(("=", "+", "@"))
        assert not cell.startswith("-") or float(cell) < 0


@pytest.mark.parametrize("text", SOME)
def test_figures_show_it_letter_by_letter(text):
    study = rung.Study(
        {text: rung.Categorical([text, "b"]), "y": rung.Float(0, 1)}, metric=text, storage=":memory:", seed=0
    )
    for value in (1.0, 2.0):
        trial = study.ask()
        study.report(trial, epoch=1, **{text: value})
        study.tell(trial, value)
    for plot in (study.plot_slice, study.plot_learning_curves, study.plot_rungs, study.plot_anytime):
        figure = plot()
        assert figure._repr_png_()
        words = [t.get_text() for t in figure.findobj(lambda artist: hasattr(artist, "get_text"))]
        assert_plain("".join(words).replace("\\mathdefault", ""))


def test_logged_reasons_are_plain(tmp_path, caplog):
    def objective(config):
        raise RuntimeError("\x1b[2J\x07")

    with caplog.at_level(logging.WARNING, "rung"):
        rung.tune(objective, {"x": rung.Float(0, 1)}, n_trials=2, storage=":memory:", progress=False)
    assert "no trial has succeeded" in caplog.text
    assert_plain("".join(record.getMessage() for record in caplog.records))
