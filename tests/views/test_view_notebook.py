"""The view in a notebook's cell."""

from __future__ import annotations

from pathlib import Path

import pytest

from rung.views.notebook import render
from rung.views.summary import Failure, Summary


def test_user_text_is_no_html() -> None:
    failure = Failure(1, "<script>alert(1)</script> & \x1b[31m")
    summary = Summary("<b>name</b>", "loss", {"failed": 1}, 2, 1.0, None, None, (), failure, "")
    html = render(summary, summary.name)
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; \\x1b[31m" in html
    assert "&lt;b&gt;name" in html
    assert '<progress value="0.5000" max="1">' in html


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the notebook's own tools
def test_a_real_notebook_with_two_workers(tmp_path: Path) -> None:
    import nbformat
    from nbclient import NotebookClient

    code = f"""
import time, rung
def objective(config, trial):
    for epoch in (1, 2, 3):
        time.sleep(0.3)
        trial.report(epoch=epoch, loss=config["x"] / epoch)
study = rung.tune(objective, {{"x": rung.Float(0, 1)}}, metric="loss", n_trials=4, n_workers=2,
                  name="in <a> notebook", storage={str(tmp_path)!r})
study.best_trial.number in range(4)
"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    client = NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    outputs = notebook.cells[0].outputs
    shown = [o.data for o in outputs if o.output_type == "display_data"]
    assert len(shown) == 1
    assert "in &lt;a&gt; notebook: done after" in shown[0]["text/html"]
    assert "trials: 4 completed" in shown[0]["text/plain"]
    assert [o.data["text/plain"] for o in outputs if o.output_type == "execute_result"] == ["True"]
    assert not [o for o in outputs if o.output_type == "stream"]
