"""Random streams addressed by name and number: nothing to save, nothing to restore."""

from __future__ import annotations

from hashlib import blake2b

from numpy.random import Generator, Philox


def stream(seed: int, name: str, index: int = 0) -> Generator:
    """The generator of decision number `index` in the stream `name` of a study's `seed`.

    Equal arguments give an equal generator, whatever was drawn before, so a resumed or replayed
    study draws what the unbroken one would have drawn.
    """
    return Generator(Philox(key=derived_seed(seed, name, index, bits=128)))


def derived_seed(seed: int, name: str, index: int, bits: int = 31) -> int:
    """A number in [0, 2**bits) that belongs to (seed, name, index)."""
    digest = blake2b(f"{seed}/{name}/{index}".encode(), digest_size=16).digest()
    return int.from_bytes(digest, "little") >> (128 - bits)
