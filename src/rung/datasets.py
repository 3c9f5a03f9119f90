"""The two image data sets of the examples, as plain numpy arrays: Fashion-MNIST and scikit-learn's digits."""

from __future__ import annotations

import gzip
import hashlib
import os
import tempfile
import urllib.request
import zlib
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rung.errors import Error

__all__ = ["Dataset", "digits", "fashion_mnist"]

_ADDRESS = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
_DEBIAN = Path("/usr/share/datasets/fashion-mnist")

# SHA-256 of what is inside: the same for every packing, Debian's and the official one differ in their gzip.
_CONTENTS = {
    "train-images-idx3-ubyte.gz": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte.gz": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte.gz": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte.gz": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}


@dataclass(frozen=True)
class Dataset:
    """Images and labels, for training and for the test at the end.

    Images are bytes from 0 (background) to 255, shaped (number, height, width); labels are bytes from 0 to 9.
    """

    train_x: npt.NDArray[np.uint8]
    train_y: npt.NDArray[np.uint8]
    test_x: npt.NDArray[np.uint8]
    test_y: npt.NDArray[np.uint8]


def fashion_mnist(folder: str | os.PathLike[str] | None = None) -> Dataset:
    """Fashion-MNIST: 60,000 training and 10,000 test images of 28 x 28 pixels in ten classes.

    Its four .gz files come from the first of these folders which has them all: `folder`, `$RUNG_DATA`, that
    of Debian's package dataset-fashion-mnist, rung's cache. If none has, they are downloaded to the cache.
    """
    places = _places(folder)
    home = next((place for place in places if _complete(place)), None) or _download(places)
    return Dataset(*(_read_idx(home / name) for name in _CONTENTS))


def digits() -> Dataset:
    """scikit-learn's digits: 1,797 images of 8 x 8 pixels, the same 80 % of them for training each time."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.round(bunch.images * (255 / 16)).astype(np.uint8)  # theirs go from 0 to 16
    labels = bunch.target.astype(np.uint8)
    order = np.random.default_rng(0).permutation(len(labels))
    train, test = np.split(order, [len(labels) * 4 // 5])
    return Dataset(images[train], labels[train], images[test], labels[test])


def _places(folder: str | os.PathLike[str] | None) -> list[Path]:
    """The folders to look in, best first; the cache is the last."""
    named = [folder, os.environ.get("RUNG_DATA")]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return [*(Path(name) for name in named if name), _DEBIAN, cache / "rung" / "fashion-mnist"]


def _complete(folder: Path) -> bool:
    return all((folder / name).is_file() for name in _CONTENTS)


def _download(places: list[Path]) -> Path:
    """Fetch what the cache (the last place) lacks, and return the cache."""
    cache = places[-1]
    try:
        cache.mkdir(parents=True, exist_ok=True)
        for name in _CONTENTS:
            if not (cache / name).is_file():
                _fetch(name, cache)
    except (OSError, EOFError, zlib.error, HTTPException) as why:  # the disk, the line, or what came
        looked = ", ".join(map(str, places))
        raise Error(
            f"Fashion-MNIST is in none of {looked}, and can't be downloaded from {_ADDRESS} ({why}). "
            "Install Debian's package (apt-get install dataset-fashion-mnist), or set RUNG_DATA to a folder "
            "with its four .gz files, or run the example with --data digits."
        ) from why
    return cache


def _fetch(name: str, cache: Path) -> None:
    """Download one file; it gets its name only once it is whole and its content is as it should be."""
    with urllib.request.urlopen(_ADDRESS + name, timeout=30) as answer:  # noqa: S310  a fixed http address
        packed = answer.read()
    if hashlib.sha256(gzip.decompress(packed)).hexdigest() != _CONTENTS[name]:
        raise OSError(f"{name} came with another content than expected")
    with tempfile.NamedTemporaryFile(dir=cache, prefix=name, delete=False) as part:
        part.write(packed)
    Path(part.name).replace(cache / name)


def _read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """An idx file of bytes: two zeros, type 8, the number of dimensions, each dimension, then the bytes."""
    content = gzip.decompress(path.read_bytes())
    if content[:3] != b"\0\0\x08":
        raise Error(f"{path} is no idx file of bytes: it starts with {content[:4]!r}; remove or replace it")
    start = 4 + 4 * content[3]
    shape = np.frombuffer(content[4:start], ">u4")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()  # a copy can be written to
