"""The connection of a worker: both ends prove that they know the token, and nothing else is taken for a frame."""

from __future__ import annotations

import contextlib
import random
import select
import shutil
import socket
import ssl
import subprocess

import pytest

from rung.errors import ArgumentError
from rung.execution.node.line import Line, about, numbered
from rung.execution.node.link import Link, address_of, token_of

TOKEN, OTHER = b"k" * 32, b"j" * 32


def tcp_pair():
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        return client, server.accept()[0]


def frames(link):
    """What is here by now: the bytes come by a real socket."""
    select.select([link], [], [], 2.0)
    return list(link.frames())


def meet(node, coordinator):
    for _ in range(20):
        for end in (node, coordinator):
            end.flush()
            select.select([end], [], [], 0.01)
            assert list(end.frames()) == []
        if node.established and coordinator.established:
            return
    raise AssertionError("they did not meet")


def ends(token=TOKEN, tls=(None, None), host=None):
    client, served = tcp_pair()
    node = Link(client, token, serves=False, longest=1000, tls=tls[0], host=host)
    return node, Link(served, TOKEN, serves=True, longest=1000, tls=tls[1])


@pytest.fixture
def links():
    node, coordinator = ends()
    meet(node, coordinator)
    yield node, coordinator
    node.close()
    coordinator.close()


def test_frames_arrive_in_order_both_ways_and_the_end_is_seen(links):
    node, coordinator = links
    for text in (b"one", b"", b"x" * 1000):
        node.send(text)
    coordinator.send(b"down")
    assert frames(coordinator) == [b"one", b"", b"x" * 1000]
    assert frames(node) == [b"down"]
    node.close()
    assert frames(coordinator) == [] and coordinator.ended


def test_who_has_another_token_is_recognised_at_both_ends():
    node, coordinator = ends(OTHER)
    frames(node)
    with pytest.raises(ValueError, match="another token"):
        frames(coordinator)
    assert not node.established and not coordinator.established
    node.close()
    coordinator.close()


def test_a_coordinator_without_the_token_is_believed_by_nobody():
    client, served = tcp_pair()
    node = Link(client, TOKEN, serves=False, longest=1000)
    served.sendall(b"rung-1\n" + b"n" * 32)
    frames(node)
    served.recv(1000)
    served.sendall(b"m" * 32)
    with pytest.raises(ValueError, match="another token"):
        frames(node)
    node.close()
    served.close()


class Tapped:
    """A socket in whose way somebody stands."""

    def __init__(self, sock):
        self._sock, self.sent = sock, []

    def __getattr__(self, name):
        return getattr(self._sock, name)

    def send(self, data):
        self.sent.append(bytes(data))
        return len(data)


def tapped(link):
    link._socket = Tapped(link._socket)
    return link._socket


FRAME = 4 + 32 + 3


@pytest.mark.parametrize(
    "change",
    [
        lambda a, b: a + a,  # said again
        lambda a, b: b,  # left out
        lambda a, b: b + a,  # the other way round
        lambda a, b: a[:-1] + bytes([a[-1] ^ 1]),
        lambda a, b: a[:10] + bytes([a[10] ^ 1]) + a[11:],
    ],
)
def test_a_frame_that_was_repeated_left_out_moved_or_changed_is_no_frame(links, change):
    node, coordinator = links
    tap = tapped(node)
    node.send(b"one")
    node.send(b"two")
    tap._sock.sendall(change(*tap.sent))
    with pytest.raises(ValueError, match="without the token"):
        frames(coordinator)


def test_a_frame_is_of_one_connection_and_one_direction(links):
    node, coordinator = links
    tap = tapped(coordinator)
    coordinator.send(b"one")
    node._socket.sendall(tap.sent[0])  # sent back
    with pytest.raises(ValueError, match="without the token"):
        frames(coordinator)
    other, there = ends()
    meet(other, there)
    other._socket.sendall(tap.sent[0])
    with pytest.raises(ValueError, match="without the token"):
        frames(there)
    other.close()
    there.close()


def test_a_frame_that_claims_to_be_long_is_not_waited_for(links):
    node, coordinator = links
    node._socket.sendall((1001).to_bytes(4, "big"))
    with pytest.raises(ValueError, match="of at most 1000"):
        frames(coordinator)


def test_whatever_strangers_send_they_get_a_random_number_and_no_more():
    chance = random.Random(0)
    for n in range(60):
        client, served = tcp_pair()
        coordinator = Link(served, TOKEN, serves=True, longest=1000)
        client.sendall(chance.randbytes(chance.choice([1, 63, 64, 65, 500, 20_000])))
        if n % 2:
            client.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ValueError):
            assert frames(coordinator) == []
        assert not coordinator.established
        coordinator.close()
        client.settimeout(2)
        with contextlib.suppress(ConnectionResetError):
            assert len(client.recv(1000)) <= len(b"rung-1\n") + 32
        client.close()


@pytest.fixture(scope="module")
def contexts(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key.pem",
         "-out", "cert.pem", "-subj", "/CN=here", "-addext", "subjectAltName=IP:127.0.0.1"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return ssl.create_default_context(cafile=folder / "cert.pem"), served


def test_over_tls_nothing_can_be_read_on_the_way(contexts):
    node, coordinator = ends(tls=contexts, host="127.0.0.1")
    meet(node, coordinator)
    tap = tapped(node)
    node.send(b"secret")
    assert b"secret" not in b"".join(tap.sent)
    tap._sock.sendall(b"".join(tap.sent))
    assert frames(coordinator) == [b"secret"]
    coordinator.send(b"y" * 900)
    assert frames(node) == [b"y" * 900]
    node.close()
    coordinator.close()


@pytest.mark.parametrize("secured", ["node", "coordinator", "another host"])
def test_one_end_without_tls_or_with_another_certificate_is_refused(contexts, secured):
    tls = {"node": (contexts[0], None), "coordinator": (None, contexts[1])}.get(secured, contexts)
    node, coordinator = ends(tls=tls, host="127.0.0.2" if secured == "another host" else "127.0.0.1")
    with pytest.raises((ValueError, AssertionError)):
        meet(node, coordinator)
    assert not node.established and not coordinator.established
    node.close()
    coordinator.close()


# ---- over several connections


def test_what_was_not_confirmed_is_sent_again_and_taken_once():
    node, coordinator = Line(), Line()
    links = ends()
    meet(*links)
    node.attach(links[0], 0)
    coordinator.attach(links[1], 0)
    for text in (b"one", b"two"):
        node.send(text)
    assert [coordinator.take(frame) for frame in frames(links[1])] == [(True, b"one"), (True, b"two")]
    for link in links:
        link.close()
    node.link = None
    node.send(b"three")  # meanwhile
    again = ends()
    meet(*again)
    node.attach(again[0], received=1)
    assert [coordinator.take(frame) for frame in frames(again[1])] == [None, (True, b"three")]
    assert coordinator.received == 3
    with pytest.raises(ValueError, match="was not sent"):
        node.confirm(4)
    for link in again:
        link.close()


def test_a_message_that_is_missing_is_noticed():
    line = Line()
    with pytest.raises(ValueError, match="missing"):
        line.take((2).to_bytes(8, "big") + b"two")
    with pytest.raises(ValueError, match="without a number"):
        line.take(b"two")
    assert numbered(about("beat", number=1)) == (0, b'{"what": "beat", "number": 1}')


# ---- what a user writes


@pytest.mark.parametrize("text", ["", "short", "g" * 64, "ab" * 31])
def test_a_token_has_256_bits(text):
    with pytest.raises(
        ArgumentError, match=r"RUNG_TOKEN: a token has 64 hexadecimal digits.*secrets\.token_hex"
    ):
        token_of(text)
    assert token_of(" " + "aB" * 32 + "\n") == b"\xab" * 32


def test_an_address_is_a_host_and_a_port():
    assert address_of("a", "node-3:80") == ("node-3", 80)
    assert address_of("a", "[::1]:0") == ("::1", 0)
    for text in ("", "host", "host:", ":80", "host:http", "host:70000"):
        with pytest.raises(ArgumentError, match="give HOST:PORT"):
            address_of("a", text)
