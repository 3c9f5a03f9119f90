import os
import subprocess
import sys

import pytest

from rung.engine._threads import loaded

pytestmark = pytest.mark.skipif(not loaded(), reason="no OpenBLAS that can be found in this process")

SCRIPT = """
import threading, numpy, scipy.linalg.lapack
from rung.engine._threads import loaded, one_thread
def now():
    return [get() for get, _ in loaded()]
for _, put in loaded():
    put(2)
"""


def printed(script):
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT + script], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_every_library_has_one_thread_inside_and_what_it_had_after_an_error():
    found = printed("""
try:
    with one_thread(loaded()):
        print(set(now()))
        raise ValueError
except ValueError:
    print(set(now()))
""")
    assert found == ["{1}", "{2}"]


def test_the_last_of_several_threads_gives_back():
    found = printed("""
inside, leave = threading.Event(), threading.Event()
def other():
    with one_thread(loaded()):
        inside.set()
        leave.wait()
thread = threading.Thread(target=other)
with one_thread(loaded()):
    thread.start()
    inside.wait()
print(set(now()))
leave.set()
thread.join()
print(set(now()))
""")
    assert found == ["{1}", "{2}"]


def test_a_searcher_is_asked_with_one_thread_and_an_objective_is_not():
    found = printed("""
import rung
told = []
class Watched(rung.searchers.Random):
    def suggest(self, history, rng):
        told.append(set(now()))
        return super().suggest(history, rng)
def objective(x):
    told.append(set(now()))
    return x
rung.tune(objective, {"x": rung.Float(0, 1)}, n_trials=1, searcher=Watched(), storage=":memory:", progress=False)
print(*told)
""")
    assert found == ["{1}", "{2}"]
