"""The objective of docs/checkpoints.md keeps the contract that the page is about."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cli.commands import rung

PAGE = Path(__file__).parents[2] / "docs" / "checkpoints.md"
AROUND = """
import torch
from torch import nn

import rung

generator = torch.Generator().manual_seed(0)
x = torch.randn(300, 16, generator=generator)
y = (x[:, :4].sum(1) > 0).long()
train_set, valid_set = (x[:200], y[:200]), (x[200:], y[200:])


def make_model():
    return nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 2))


def loss(model, data):
    return nn.functional.cross_entropy(model(data[0]), data[1])


def train(model, optimizer, data):
    model.train()
    for batch in torch.randperm(len(data[0])).split(20):
        optimizer.zero_grad()
        loss(model, (data[0][batch], data[1][batch])).backward()
        optimizer.step()


def error_of(model, data):
    model.eval()
    with torch.no_grad():
        return loss(model, data).item()


"""


@pytest.mark.slow
def test_the_pytorch_example_passes_and_fails_as_told(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    block = re.search(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert block is not None
    (tmp_path / "good.py").write_text(AROUND + block[1])
    good = rung("check", "good.py", cwd=tmp_path)
    assert good.returncode == 0, good.stdout + good.stderr
    assert "goes on at epoch 3, with the values of the unbroken run" in good.stdout
    loads = "for name, part in parts.items():\n            part.load"
    assert loads in block[1]
    forgetful = block[1].replace(loads, loads.replace("parts", '{"model": model}'))
    (tmp_path / "bad.py").write_text(AROUND + forgetful)
    bad = rung("check", "bad.py", cwd=tmp_path)
    assert bad.returncode == 1
    assert "FIX   resume" in bad.stdout
