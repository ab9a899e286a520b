"""Two gateways behind the front: calls are spread, and no request is lost whatever becomes of one of them."""

import json
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from pytest_httpserver import HTTPServer

from operations.layout import ROOT
from tests.support.http import Client, succeeded
from tests.support.plaza import WITHOUT_THROTTLES, Plaza, eventually
from tests.system.front import Gateway, front, up
from tests.system.proxies import make_certificate
from tests.system.shop import make_product
from tests.system.traffic import CLIENTS, Traffic, placed

pytestmark = pytest.mark.clients

WATCHED = ROOT / "deploy/observability"
ENOUGH = 2000  # requests, over all that is done to a gateway
NOTHING = frozenset[int]()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plaza]:
    trusted = {"TRUSTED_PROXIES": "127.0.0.0/8"}
    plaza = Plaza(tmp_path_factory.mktemp("front") / "data", **WITHOUT_THROTTLES, **trusted)
    plaza.up("--no-demo")
    yield plaza
    plaza.down()


@pytest.fixture(scope="module")
def gateways(shop: Plaza) -> Iterator[list[Gateway]]:
    """The one that `up` has started, and another one."""
    other = Gateway(shop, "127.0.0.2", shop.port)
    other.start()
    yield [Gateway(shop, "127.0.0.1", shop.port), other]
    other.end()


@pytest.fixture(scope="module")
def at(gateways: list[Gateway]) -> Iterator[tuple[str, str]]:
    with front(gateways) as urls:
        yield urls


@pytest.fixture(scope="module")
def buyers(shop: Plaza) -> list[Client]:
    return [shop.customer() for _ in range(CLIENTS)]


def restart(gateway: Gateway) -> None:
    gateway.restart()


def load_new_code(gateway: Gateway) -> None:
    gateway.tell(signal.SIGHUP)


def kill(gateway: Gateway) -> None:
    gateway.kill()
    gateway.start()


def test_no_request_is_lost(
    shop: Plaza,
    gateways: list[Gateway],
    at: tuple[str, str],
    buyers: list[Client],
    record_property: Callable[..., None],
) -> None:
    url, monitor = at
    product = make_product(shop.staff(), stock=100_000)
    before = [gateway.served() for gateway in gateways]
    with Traffic(url, [buyer.access for buyer in buyers], product, accepted=NOTHING) as traffic:
        traffic.go_on(3)
        spread = [gateway.served() - served for gateway, served in zip(gateways, before, strict=True)]
        for fault in (restart, load_new_code, kill):
            fault(gateways[1])
            eventually(lambda: up(monitor) == 2, timeout_s=180)
            traffic.go_on(3)
        while traffic.total < ENOUGH:
            traffic.go_on(1)
    record_property("answers", json.dumps(traffic.answers))
    record_property("sent again", len(traffic.resent))
    assert traffic.lost == []
    assert len(traffic.resent) <= CLIENTS, traffic.resent  # those that were in flight when it was killed
    assert min(spread) > 0.3 * sum(spread), spread
    assert set(traffic.orders.values()) == placed(shop.staff())
    assert shop.run("audit").returncode == 0


def test_who_asks_is_known_and_what_they_say_of_themselves_is_not_believed(
    at: tuple[str, str], buyers: list[Client]
) -> None:
    client = Client(at[0])
    credentials = {"username": buyers[0].user["username"], "password": "violet-lantern-in-june"}
    claim = {"X-Forwarded-For": "198.51.100.7"}
    tokens = succeeded(client.post("/api/auth/token/", credentials, headers=claim))
    client.access = tokens["access"]
    addresses = {session["address"] for session in succeeded(client.get("/api/auth/sessions/"))["results"]}
    client.close()
    # The test is on a trusted address itself, so what stands before it is the claim; the front has added its peer.
    assert addresses == {"127.0.0.1", "198.51.100.7"}


def test_the_front_exports_what_is_watched_of_it(at: tuple[str, str]) -> None:
    exported = set(re.findall(r"^# TYPE (\S+)", requests.get(f"{at[1]}/metrics", timeout=5).text, re.MULTILINE))
    files = [WATCHED / "plaza.rules.yml", WATCHED / "grafana/plaza.json"]
    named = {name for file in files for name in re.findall(r"\bhaproxy_[a-z_]+", file.read_text())}
    assert len(named) == 2
    assert named <= exported


def test_metrics_stay_inside(at: tuple[str, str]) -> None:
    for path in ("/metrics", "/metrics?x", "//metrics", "/metrics/"):
        response = requests.get(at[0] + path, timeout=5)
        assert response.status_code in (403, 404), path
        assert "plaza_" not in response.text


def test_a_slow_client_costs_the_gateways_nothing(gateways: list[Gateway], at: tuple[str, str]) -> None:
    """Half a body is the front's business; the gateways hear of a request when it is whole."""
    host, _, port = at[0].removeprefix("http://").partition(":")
    before = [gateway.served("POST") for gateway in gateways]
    slow = [socket.create_connection((host, int(port)), 5) for _ in range(50)]
    head = (
        b"POST /api/auth/token/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
    )
    try:
        for connection in slow:
            connection.sendall(head + b"\r\n{")
        time.sleep(1)
        established = subprocess.run(
            ["ss", "-Htn", "state", "established", f"( dport = :{gateways[0].port} )"], capture_output=True, text=True
        )
        assert len(established.stdout.splitlines()) < 20
        slow[0].sendall(b"}")
        assert slow[0].recv(4096).startswith(b"HTTP/1.1 400 ")
    finally:
        for connection in slow:
            connection.close()
    assert sum(gateway.served("POST") for gateway in gateways) == sum(before) + 1


def test_without_a_gateway_it_says_so_as_a_problem(shop: Plaza) -> None:
    lonely = Gateway(shop, "127.0.0.3", shop.port)
    lonely.start()
    with front([lonely]) as (url, monitor):
        lonely.kill()
        eventually(lambda: up(monitor) == 0)
        answer = requests.get(f"{url}/api/", timeout=5)
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/overloaded")
        assert (answer.headers["Content-Type"], answer.headers["Retry-After"]) == ("application/problem+json", "1")
        assert requests.get(f"{monitor}/health/ready", timeout=5).status_code == 503


def test_if_no_gateway_is_ready_they_are_asked_all_the_same(shop: Plaza) -> None:
    """Else one that is busy for too long would take the shop away from everybody."""
    with HTTPServer(host="127.0.0.4") as busy:
        busy.expect_request("/health/ready").respond_with_data("", 503)
        busy.expect_request("/api/").respond_with_data("served")
        with front([Gateway(shop, "127.0.0.4", busy.port)], ready=0) as (url, monitor):
            eventually(lambda: requests.get(f"{monitor}/health/ready", timeout=5).status_code == 503)
            assert requests.get(f"{url}/api/", timeout=5).text == "served"


def test_one_address_does_not_get_all_connections(gateways: list[Gateway]) -> None:
    with front(gateways, FRONT_CONNECTIONS_PER_ADDRESS="5") as (url, _):
        host, _, port = url.removeprefix("http://").partition(":")
        kept = [socket.create_connection((host, int(port)), 20) for _ in range(5)]
        try:
            assert is_turned_away(host, int(port))
            kept[0].sendall(b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert kept[0].recv(4096).startswith(b"HTTP/1.1 200 ")
        finally:
            for connection in kept:
                connection.close()


def is_turned_away(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), 5) as connection:
            return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_it_speaks_tls_if_it_is_given_a_certificate(gateways: list[Gateway], tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    both = tmp_path / "both.pem"
    both.write_text(certificate.read_text() + (tmp_path / "key.pem").read_text())
    with front(gateways, FRONT_TLS=str(both)) as (url, _):
        port = url.rpartition(":")[2]
        command = ["curl", "--silent", "--cacert", str(certificate), "--resolve", f"shop.example:{port}:127.0.0.1"]
        command += ["--http2", "--write-out", "%{http_version} %{http_code}", "-H", "Host: 127.0.0.1"]
        said = subprocess.run([*command, f"https://shop.example:{port}/health/live"], capture_output=True, text=True)
        assert said.stdout == '{"status": "ok"}2 200'
