"""The metrics of a process that serves nothing else."""

import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from common.observability import exporter


@pytest.fixture
def url() -> Iterator[str]:
    server = exporter.expose("127.0.0.1", 0, "the-token-of-metrics")
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_this_machine_may_read_them(url: str) -> None:
    with urllib.request.urlopen(f"{url}/metrics", timeout=5) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        assert b"# TYPE plaza_requests_total counter" in answer.read()


def test_there_is_nothing_else(url: str) -> None:
    for path in ("/", "/metrics/", "/health/live"):
        with pytest.raises(urllib.error.HTTPError, match="404") as raised:
            urllib.request.urlopen(url + path, timeout=5)
        raised.value.close()


def test_others_need_the_token(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "LOOPBACK", ())
    for header in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer "}):
        with pytest.raises(urllib.error.HTTPError, match="403") as raised:
            urllib.request.urlopen(urllib.request.Request(f"{url}/metrics", headers=header), timeout=5)
        raised.value.close()
    right = urllib.request.Request(f"{url}/metrics", headers={"Authorization": "Bearer the-token-of-metrics"})
    with urllib.request.urlopen(right, timeout=5) as answer:
        assert answer.status == 200


def test_without_a_token_nobody_else_may() -> None:
    assert not exporter.may_read("10.0.0.1", "Bearer ", "")
    assert not exporter.may_read("10.0.0.1", "", "")
