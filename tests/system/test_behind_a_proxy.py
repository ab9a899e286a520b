"""Plaza behind nginx, which ends TLS and compresses, and behind HAProxy; the client is curl."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.plaza import ADMIN_PASSWORD, WITHOUT_THROTTLES, Plaza, eventually, free_ports
from tests.system.proxies import HOST, backend_status, haproxy, nginx
from tests.system.shop import make_product

pytestmark = pytest.mark.clients

YEAR = "max-age=31536000"


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes


class Curl:
    """curl with a cookie jar, and the front's certificate."""

    def __init__(self, origin: str, certificate: Path, folder: Path) -> None:
        self.origin = origin
        self._folder = folder
        port = origin.rpartition(":")[2]
        self._command = ["curl", "--silent", "--cacert", str(certificate), "--resolve", f"{HOST}:{port}:127.0.0.1"]
        self._command += ["--cookie-jar", str(folder / "jar"), "--cookie", str(folder / "jar"), "--max-time", "20"]

    def __call__(self, path: str, *options: str, **headers: str) -> Reply:
        head, body = self._folder / "head", self._folder / "answer"
        body.unlink(missing_ok=True)
        lines = [part for name, value in headers.items() for part in ("-H", f"{name.replace('_', '-')}: {value}")]
        command = [*self._command, "--dump-header", str(head), "--output", str(body), *options, *lines]
        subprocess.run([*command, self.origin + path], check=True)
        status, *fields = head.read_text().strip().split("\r\n\r\n")[-1].splitlines()
        pairs = (field.partition(": ") for field in fields)
        content = body.read_bytes() if body.exists() else b""
        return Reply(int(status.split()[1]), {name.lower(): value for name, _, value in pairs}, content)

    def cookies(self) -> dict[str, tuple[str, bool]]:
        """The value of each cookie, and whether it is only sent by https."""
        lines = (self._folder / "jar").read_text().splitlines()
        fields = [line.removeprefix("#HttpOnly_").split("\t") for line in lines if line.count("\t") == 6]
        return {field[5]: (field[6], field[3] == "TRUE") for field in fields}


@dataclass(frozen=True)
class Front:
    plaza: Plaza
    curl: Curl

    def sign_in(self, **headers: str) -> Reply:
        self.curl("/login/")
        token = self.curl.cookies()["__Host-plaza_csrf"][0]
        form = ["username=admin", f"password={ADMIN_PASSWORD}", f"csrfmiddlewaretoken={token}"]
        return self.curl("/login/", *(part for field in form for part in ("--data-urlencode", field)), **headers)


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp("front")
    port = free_ports()
    origin = f"https://{HOST}:{port}"
    # As people write it; it is normalized.
    environment = {"PUBLIC_URL": f"HTTPS://Shop.Example:{port}/", "TRUSTED_PROXIES": "127.0.0.0/8"}
    plaza = Plaza(folder / "data", **WITHOUT_THROTTLES, **environment)
    plaza.up()
    try:
        with nginx(folder, port, plaza.port) as certificate:
            yield Front(plaza, Curl(origin, certificate, folder))
    finally:
        plaza.down()


def test_every_answer_tells_browsers_to_stay_on_https(front: Front) -> None:
    for path in ("/api/", "/login/", "/nowhere/", "/api/orders/", "/health/live", "/static/plaza/favicon.svg"):
        assert front.curl(path).headers["strict-transport-security"] == YEAR, path


@pytest.mark.parametrize(
    "header",
    [
        {"Origin": f"http://{HOST}"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Referer": "https://evil.example/login/"},
        {"Referer": f"http://{HOST}/login/"},
        {},
    ],
    ids=str,
)
def test_a_form_of_another_origin_signs_nobody_in(front: Front, header: dict[str, str]) -> None:
    refused = front.sign_in(**header)
    assert (refused.status, json.loads(refused.body)["type"]) == (403, "/problems/csrf-failed")


@pytest.mark.parametrize("name", ["Origin", "Referer"])
def test_a_form_of_the_same_origin_does(front: Front, name: str) -> None:
    assert front.sign_in(**{name: front.curl.origin}).status == 302
    kept = {cookie: secure for cookie, (_, secure) in front.curl.cookies().items()}
    assert kept.items() >= {"__Host-plaza_access": True, "__Host-plaza_refresh": True}.items()
    assert json.loads(front.curl("/api/users/me/").body)["username"] == "admin"


def test_a_compressed_answer_is_still_known_by_its_tag(front: Front) -> None:
    product = make_product(front.plaza.staff())
    token = f"Bearer {front.plaza.staff().access}"
    path = f"/api/products/{product['id']}/"
    whole = front.curl(path, Authorization=token, Accept_Encoding="gzip")
    assert (whole.status, whole.headers["content-encoding"], whole.headers["etag"][:2]) == (200, "gzip", "W/")
    known = front.curl(path, Authorization=token, Accept_Encoding="gzip", If_None_Match=whole.headers["etag"])
    assert (known.status, known.body) == (304, b"")
    assert known.headers.keys().isdisjoint({"content-type", "content-length", "content-encoding"})


def test_a_deletion_says_nothing_about_content(front: Front) -> None:
    product = make_product(front.plaza.staff())
    token = f"Bearer {front.plaza.staff().access}"
    gone = front.curl(f"/api/products/{product['id']}/", "-X", "DELETE", Authorization=token)
    assert (gone.status, gone.body) == (204, b"")
    assert gone.headers.keys().isdisjoint({"content-type", "content-length"})


def test_the_clients_own_address_is_known(front: Front) -> None:
    front.sign_in(Origin=front.curl.origin, X_Forwarded_For="203.0.113.9:4711, [2001:db8::7]:99")
    sessions = json.loads(front.curl("/api/auth/sessions/").body)
    assert "2001:db8::7" in {session["address"] for session in sessions["results"]}


@pytest.mark.parametrize("check", ["OPTIONS /", "GET /health/ready", "HEAD /health/live HTTP/1.0"])
def test_a_balancer_finds_it_healthy(plaza: Plaza, tmp_path: Path, check: str) -> None:
    with haproxy(tmp_path, free_ports(), plaza.port, check) as stats:
        eventually(lambda: backend_status(stats) == "UP")
