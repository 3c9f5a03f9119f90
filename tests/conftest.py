"""Settings for all tests: hypothesis without deadlines, since the machines are shared."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, is_hypothesis_test, settings

# The tests have every core already: threads of theirs would only wait for each other, and burn what they wait.
# Here, since a library reads it once, when numpy or torch is imported.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

# Snapshots of the tests' studies are no concern of the user's cache.
if "XDG_CACHE_HOME" not in os.environ:
    _CACHE = tempfile.TemporaryDirectory(prefix="rung-tests-cache-")
    os.environ["XDG_CACHE_HOME"] = _CACHE.name

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts jobs in the background so, and children inherit it: Ctrl-C could not be tested.
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("rung", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("rung")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Measure no coverage where many examples pass the same lines: it took two thirds of their time.

    pytest-cov's marker `no_cover` does this as well, but not in the processes of pytest-xdist.
    """
    tracer = sys.gettrace()
    if item.get_closest_marker("unmeasured") or is_hypothesis_test(getattr(item, "obj", None)):
        sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracer)
