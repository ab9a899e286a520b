import shutil
import ssl
import subprocess
import time
from pathlib import Path

import pytest

from common.resilience import Deadline, Policy
from common.upstream import Answer, BrokenContract, BrokenOff, Call, TimedOut, Transport
from tests.common.upstream.servers import Connection, Reply, Server, answers, drips, hangs, head, resets

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="certificates are made with the openssl command"
)

PATIENT = Policy(deadline_s=10.0, connect_timeout_s=5.0, read_timeout_s=5.0, max_response_bytes=1000)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a key and a certificate that it signed itself, for 127.0.0.1 alone."""
    folder = tmp_path_factory.mktemp("tls")
    request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=plaza"
    files = ["-keyout", str(folder / "key"), "-out", str(folder / "certificate")]
    extension = ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(["openssl", *request.split(), *extension, *files], check=True, capture_output=True)
    both = folder / "both"
    both.write_text((folder / "key").read_text() + (folder / "certificate").read_text())
    return both


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture(autouse=True)
def trust(monkeypatch: pytest.MonkeyPatch, certificate: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))


def exchange(url: str, deadline_s: float = 10.0, body: bytes | None = None) -> Answer:
    call = Call("GET" if body is None else "POST", "/", body=body)
    return Transport("products", url, PATIENT).exchange(call, Deadline.after(deadline_s))


def test_an_answer_comes_back_over_tls(tls: ssl.SSLContext) -> None:
    with Server(answers(200, b'{"a": 1}'), tls=tls) as server:
        assert exchange(server.url, body=b"x" * 300_000).body == b'{"a": 1}'
    assert len(server.received[0].body) == 300_000


def test_a_certificate_that_nobody_vouches_for_is_refused(tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/dev/null")
    with Server(answers(), tls=tls) as server, pytest.raises(BrokenOff):
        exchange(server.url)
    assert server.received == []


def test_a_certificate_for_another_name_is_refused(tls: ssl.SSLContext) -> None:
    with Server(answers(), tls=tls) as server, pytest.raises(BrokenOff):
        exchange(server.url.replace("127.0.0.1", "localhost"))
    assert server.received == []


@pytest.mark.parametrize(
    "reply",
    [drips(head(200, {"Content-Length": "2"}) + b"{}"), drips(b"x" * 20, after=head(200, {}))],
    ids=["dripped-headers", "dripped-body"],
)
def test_an_answer_that_takes_too_long_is_timed_out(tls: ssl.SSLContext, reply: Reply) -> None:
    with Server(reply, tls=tls) as server, pytest.raises(TimedOut):
        exchange(server.url, deadline_s=0.6)
    assert len(server.received) == 1


def reads_slowly(connection: Connection) -> None:
    for _ in range(60):
        connection.sock.recv(65536)
        connection.pause(0.05)


@pytest.mark.parametrize("reply", [hangs(), reads_slowly], ids=["not-at-all", "slowly"])
def test_a_peer_that_does_not_read_in_time_is_timed_out(tls: ssl.SSLContext, reply: Reply) -> None:
    started = time.monotonic()
    with Server(reply, tls=tls, reads=False) as server, pytest.raises(TimedOut):
        exchange(server.url, deadline_s=0.6, body=b"x" * 20_000_000)
    assert time.monotonic() < started + 2.0


@pytest.mark.parametrize("reply", [hangs(), drips(b"\x16\x03\x03\x00\x7a" + b"x" * 20)], ids=["silence", "dripped"])
def test_a_handshake_that_takes_too_long_is_timed_out(reply: Reply) -> None:
    with Server(reply, reads=False) as server, pytest.raises(TimedOut):
        exchange(server.url.replace("http:", "https:"), deadline_s=0.6)


def test_a_reset_and_too_large_a_body_are_what_they_are_without_tls(tls: ssl.SSLContext) -> None:
    with Server(resets(head(200, {"Content-Length": "10"}) + b"12345"), tls=tls) as server, pytest.raises(BrokenOff):
        exchange(server.url)
    with Server(answers(200, b"x" * 1001), tls=tls) as server, pytest.raises(BrokenContract):
        exchange(server.url)
