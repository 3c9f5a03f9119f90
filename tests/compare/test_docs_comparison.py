"""The example of docs/comparison.md prints what the page says."""

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "comparison.md").read_text()


@pytest.mark.slow
def test_the_first_example(capsys):
    code, output = re.match(r".*?```python\n(.*?)```\n\n```output\n(.*?)```", PAGE, re.DOTALL).groups()
    exec(compile(code, "docs/comparison.md", "exec"), {})
    assert capsys.readouterr().out == output
