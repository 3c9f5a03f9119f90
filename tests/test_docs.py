"""The code in README and tutorial runs as it stands, and prints what they say it prints."""

from __future__ import annotations

import contextlib
import inspect
import io
import re
from pathlib import Path

import pytest

import rung
from rung.schedulers import SCHEDULERS
from rung.searchers import SEARCHERS

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "docs/tutorial.md",
        "docs/schedulers.md",
        "docs/searchers.md",
        "docs/running.md",
        "docs/earlier-results.md",
        "docs/extending.md",
        "docs/transfer.md",
        "docs/winner.md",
    ],
)
def test_every_block_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "__main__"}
    printed = ""
    for language, text in BLOCK.findall((ROOT / page).read_text()):
        if language == "python":
            buffer = io.StringIO()
            with contextlib.redirect_stdout(buffer):
                exec(compile(text, page, "exec"), names)
            printed = buffer.getvalue()
        elif language == "output":
            assert printed == text, page


def test_links_lead_somewhere():
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("**/*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_api_reference_has_each_public_name_once():
    text = "".join(page.read_text() for page in sorted((ROOT / "docs/api").glob("*.md")))
    listed = re.findall(r"^::: (rung\S*)$", text, re.MULTILINE)
    assert len(listed) == len(set(listed))
    public = {name: getattr(rung, name) for name in rung.__all__}
    expected = {f"rung.{name}" for name, value in public.items() if not inspect.ismodule(value)}
    expected |= {f"rung.searchers.{found.__name__}" for found in SEARCHERS.values()}
    expected |= {f"rung.schedulers.{found.__name__}" for found in SCHEDULERS.values()}
    assert expected - set(listed) == {"rung.Error", "rung.Interrupted"}  # in rung.errors, as one tree
