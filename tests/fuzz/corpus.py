"""What strangers, slips of the hand and other libraries hand over."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
from hypothesis import strategies as st

NAMES = [
    "", " ", "a\n", "a\x00b", "\x1b[31mred", "\x07bell", "\ud800", "\udc80", "\u202egnp.exe", "é", "e\u0301", "☃" * 30,
    "../../etc/passwd", "/etc/passwd", "..", ".", "C:\\x", "CON", "nul.txt", "a/b", "~root", "-rf", "--help",
    "'; DROP TABLE event; --", "%s%n{0}", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "&lt;",
    "[red]x[/red]", "[link=file:///etc]x[/link]", "\x1b]8;;http://x\x07y\x1b]8;;\x07", "$\\frac{", "$x$", "=1+1",
    "@SUM(A1)", "+1", "-1", "x" * 200, "x" * 201, "x" * 1_000_000, "\u2028", "\ufeff", "None", "nan",
]  # fmt: skip


class Torch:
    """As a tensor of one element behaves."""

    def __init__(self, value: object) -> None:
        self.value = value

    def item(self) -> object:
        return self.value

    def __float__(self) -> float:
        return float(self.value)

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")

    __hash__ = None


class Nasty:
    """Nothing of it can be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no")

    __str__ = __repr__


def deep(n: int) -> tuple:
    value: tuple = ()
    for _ in range(n):
        value = (value,)
    return value


VALUES = [
    None, True, False, 0, 1, -1, 2, 2**53 + 1, 2**63, 2**64, -(2**63), 10**400, 10**5000, 0.0, -0.0, 1.5, 1e308, 5e-324,
    math.nan, math.inf, -math.inf, 1j, b"x", bytearray(3), "1", "min", "2h", "<= 3", "9" * 5000, "1" * 100_000,
    [], [1], ["a"], {}, {"x": 1}, {"x": "min"}, {1: 2}, {"": "<= 1"}, {"a": 3}, (), (1, 2), {1}, frozenset(), range(3),
    range(10**12), object, object(), len, Nasty(), deep(5), deep(3000), Torch(1.0), Torch([1, 2]), Decimal("NaN"),
    np.float64(0.5), np.float32("nan"), np.int64(3), np.uint64(2**64 - 1), np.bool_(True), np.array([1, 2]), np.array(1.0),
    np.array("5"), np.str_("x"), np.datetime64("2020-01-01"), np.longdouble(1), np.complex128(1j), ..., NotImplemented,
]  # fmt: skip


def one_of(items: list) -> st.SearchStrategy:
    # By number: hypothesis would show each of them whole.
    return st.integers(0, len(items) - 1).map(lambda i: items[i])


names = st.one_of(one_of(NAMES), st.text(max_size=20), st.text(st.characters(), max_size=8))
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.integers(-(2**70), 2**70), st.floats(), names)
json = st.recursive(
    st.one_of(scalars, st.sampled_from(["<", "==", "in", "and", "x", "float", "int", "norm"])),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=4)),
    max_leaves=12,
)
values = st.one_of(one_of(VALUES), scalars, st.binary(max_size=4), json)
