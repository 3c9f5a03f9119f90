"""Points of a scrambled Sobol sequence.

Joe and Kuo (2008), SIAM J. Sci. Comput. 30:2635-2654; scrambled after Matousek (1998), J. Complexity 14:527.
The points are those of scipy.stats.qmc.Sobol, bit by bit. Importing scipy.stats takes as long as all else
that starts a study, and a later scipy might scramble otherwise: a study of today must go on as it began.

==========  =====================================================================================
Symbol      Here
==========  =====================================================================================
p_d, m_d,k  a line of joe_kuo.txt: the primitive polynomial (as a number in binary), the initial
            direction numbers
v_d,k       `directions[d, k]`, as an integer of BITS bits
L_d         `lower[d]`, a random lower triangular matrix of bits with ones on the diagonal
e_d         `shift[d]`
x_n,d       the point's coordinate, as an integer of BITS bits until it is divided by 2**BITS
==========  =====================================================================================
"""

from __future__ import annotations

from functools import cache, lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

BITS = 30
_POWERS = np.left_shift(1, np.arange(BITS))
Integers = NDArray[np.int64]


def sobol_point(n: int, d: int, seed: int) -> NDArray[np.float64]:
    """Return point n (from 0) of a sequence in d dimensions, shape (d,), each in [0, 1).

    Dimensions beyond the table of direction numbers (256) are independent uniform numbers.

    Examples
    --------
    >>> sobol_point(5, d=2, seed=1).round(3)
    array([0.688, 0.485])
    """
    known = min(d, len(_directions()))
    shift, directions = _scrambled(known, seed)
    gray = n ^ (n >> 1)
    x = shift.copy()
    for k in range(gray.bit_length()):  # Joe and Kuo, equation (2) with the Gray code of n
        if gray >> k & 1:
            x ^= directions[:, k]
    beyond = np.random.default_rng([seed, n]).random(d - known) if d > known else np.empty(0)
    return np.concatenate([x / 2**BITS, beyond])


@cache
def _directions() -> Integers:
    """v of all dimensions of the table, shape (dimensions, BITS)."""
    lines = (files("rung.searchers") / "joe_kuo.txt").read_text("ascii").splitlines()
    rows = [list(map(int, line.split())) for line in lines if not line.startswith("#")]
    m = np.ones((1 + len(rows), BITS), dtype=np.int64)  # the first dimension: m_k = 1
    for d, (p, *initial) in enumerate(rows, start=1):
        s = len(initial)  # the degree of p
        m[d, :s] = initial
        for k in range(s, BITS):  # equation (1): m_k = 2 a_1 m_k-1 ^ ... ^ 2^s m_k-s ^ m_k-s
            m[d, k] = m[d, k - s]
            for i in range(1, s + 1):
                if p >> (s - i) & 1:
                    m[d, k] ^= m[d, k - i] << i
    return m * _POWERS[::-1]


@lru_cache(maxsize=16)
def _scrambled(d: int, seed: int) -> tuple[Integers, Integers]:
    """The digital shift e, shape (d,), and the directions multiplied by L modulo 2, shape (d, BITS)."""
    rng = np.random.default_rng(seed)
    shift = rng.integers(2, size=(d, BITS), dtype=np.uint32).astype(np.int64) @ _POWERS
    lower = np.tril(rng.integers(2, size=(d, BITS, BITS), dtype=np.uint32), -1) + np.eye(BITS, dtype=np.int64)
    bits = _directions()[:d, :, None] >> np.arange(BITS)[::-1] & 1  # the most significant first
    scrambled: Integers = (np.einsum("dpk,djk->djp", lower, bits) & 1) @ _POWERS[::-1]
    return shift, scrambled
