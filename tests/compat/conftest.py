"""A small Fashion-MNIST for the book's cells."""

import dataclasses

import pytest

from rung import datasets

_ALL = datasets._DEBIAN


@pytest.fixture
def small_fashion_mnist(monkeypatch):
    """The first 2,000 training images instead of 60,000, and test images that break whoever touches them."""
    pytest.importorskip("torch")
    if not datasets._complete(_ALL):
        pytest.skip("Debian's package dataset-fashion-mnist is not installed")
    from rung.compat.d2l import _torch

    everything = datasets.fashion_mnist(_ALL)
    small = dataclasses.replace(
        everything,
        train_x=everything.train_x[:2000],
        train_y=everything.train_y[:2000],
        test_x=None,
        test_y=None,
    )
    monkeypatch.setattr(datasets, "fashion_mnist", lambda: small)
    _torch._train_and_validation.cache_clear()
    yield small
    _torch._train_and_validation.cache_clear()
