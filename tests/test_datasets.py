"""Where the data sets come from, in which order, and what is said if they can't be had."""

import gzip
import hashlib
import struct
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from rung import datasets
from rung.errors import Error


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def write(folder, fill):
    """A tiny Fashion-MNIST of 3 training and 2 test images, all pixels `fill`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in datasets._CONTENTS:
        shape = (3 if name.startswith("train") else 2, *((2, 2) if "images" in name else ()))
        head = struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape)
        (folder / name).write_bytes(gzip.compress(head + bytes([fill]) * int(np.prod(shape))))
    return folder


@pytest.fixture
def places(tmp_path, monkeypatch):
    """No folder has anything yet; the names are those in the order of looking."""
    monkeypatch.setenv("RUNG_DATA", str(tmp_path / "env"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr(datasets, "_DEBIAN", tmp_path / "debian")
    monkeypatch.setattr(datasets, "_ADDRESS", "http://127.0.0.1:9/")  # nobody answers
    return [tmp_path / "own", tmp_path / "env", tmp_path / "debian", tmp_path / "xdg/rung/fashion-mnist"]


@pytest.fixture
def site(tmp_path, monkeypatch, places):
    """The official address, on this machine, with a tiny data set."""
    folder = write(tmp_path / "site", fill=7)
    contents = {p.name: hashlib.sha256(gzip.decompress(p.read_bytes())).hexdigest() for p in folder.iterdir()}
    monkeypatch.setattr(datasets, "_CONTENTS", {name: contents[name] for name in datasets._CONTENTS})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        monkeypatch.setattr(datasets, "_ADDRESS", f"http://127.0.0.1:{server.server_port}/")
        yield folder
        server.shutdown()


def test_the_first_complete_folder_is_taken(places):
    for number, place in reversed(list(enumerate(places))):
        write(place, fill=number)
        found = datasets.fashion_mnist(places[0])
        assert found.train_x.shape == (3, 2, 2)
        assert found.test_y.shape == (2,)
        assert np.unique(found.train_x) == [number]


def test_a_folder_with_a_file_missing_is_passed_over(places):
    write(places[0], fill=0)
    (places[0] / "t10k-labels-idx1-ubyte.gz").unlink()
    write(places[2], fill=2)
    assert datasets.fashion_mnist(places[0]).test_x[0, 0, 0] == 2


def test_nowhere_to_be_had_names_every_place_and_the_mends(places):
    with pytest.raises(Error) as caught:
        datasets.fashion_mnist(places[0])
    text = str(caught.value)
    assert all(str(place) in text for place in places)
    assert all(mend in text for mend in ("dataset-fashion-mnist", "RUNG_DATA", "--data digits"))


def test_a_download_goes_to_the_cache_once(places, site):
    assert np.unique(datasets.fashion_mnist().train_x) == [7]
    assert sorted(p.name for p in places[-1].iterdir()) == sorted(datasets._CONTENTS)
    for path in site.iterdir():
        path.unlink()
    assert np.unique(datasets.fashion_mnist().train_x) == [7]


@pytest.mark.parametrize(
    "sent",
    [b"<html>log in first</html>", gzip.compress(b"another"), gzip.compress(b"x")[:-6]],
    ids=["no gzip", "another content", "cut off"],
)
def test_a_wrong_or_broken_download_is_not_kept(places, site, sent):
    (site / "train-labels-idx1-ubyte.gz").write_bytes(sent)
    with pytest.raises(Error, match="can't be downloaded"):
        datasets.fashion_mnist()
    assert [p.name for p in places[-1].iterdir()] == ["train-images-idx3-ubyte.gz"]


def test_another_kind_of_file_is_named(places):
    write(places[0], fill=0)
    (places[0] / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"not idx"))
    with pytest.raises(Error, match=r"train-images.* is no idx file"):
        datasets.fashion_mnist(places[0])


@pytest.mark.skipif(not datasets._complete(datasets._DEBIAN), reason="Debian's package is not installed")
def test_debians_files_hold_what_the_checksums_say():
    for name, digest in datasets._CONTENTS.items():
        content = gzip.decompress((datasets._DEBIAN / name).read_bytes())
        assert hashlib.sha256(content).hexdigest() == digest
    data = datasets.fashion_mnist()
    assert data.train_x.shape == (60_000, 28, 28)
    assert data.test_x.shape == (10_000, 28, 28)
    assert np.bincount(data.train_y).tolist() == [6000] * 10
    assert np.bincount(data.test_y).tolist() == [1000] * 10


def test_digits_are_split_alike_each_time():
    pytest.importorskip("sklearn")
    first, second = datasets.digits(), datasets.digits()
    assert first.train_x.shape == (1437, 8, 8)
    assert first.test_x.shape == (360, 8, 8)
    assert first.train_x.dtype == first.train_y.dtype == np.uint8
    assert first.train_x.max() == 255
    assert set(first.test_y) == set(range(10))
    assert np.array_equal(first.test_x, second.test_x)
