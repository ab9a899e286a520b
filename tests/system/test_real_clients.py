"""Other people's HTTP clients, each with the same kinds of requests, straight at the gateway and through nginx.

Each program in `clients/` prints a line a kind: its name and the statuses that the client was given.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.plaza import Plaza, clean_environment, free_ports
from tests.system.packages import SOURCES, node_modules, python_environment, run
from tests.system.proxies import plain_nginx
from tests.system.scene import make_staff
from tests.system.shop import make_product

pytestmark = pytest.mark.clients

Command = list[str | Path]


def node(folder: Path, client: str) -> Command:
    (folder / "node_modules").symlink_to(node_modules() / "node_modules")
    (folder / "clients.mjs").write_bytes((SOURCES / "clients.mjs").read_bytes())
    return ["node", folder / "clients.mjs", client]


def python(folder: Path, client: str) -> Command:
    return [python_environment() / "bin" / "python", "-W", "error", SOURCES / "clients.py", client]


CLIENTS: dict[str, Callable[[Path], Command]] = {
    "curl": lambda folder: ["sh", SOURCES / "curl.sh"],
    "fetch": lambda folder: node(folder, "fetch"),
    "axios": lambda folder: node(folder, "axios"),
    "httpx": lambda folder: python(folder, "httpx"),
    "aiohttp": lambda folder: python(folder, "aiohttp"),
    "java": lambda folder: ["java", SOURCES / "Clients.java"],
}
# These write all methods in capitals themselves.
CAPITALS = {"axios", "httpx", "aiohttp"}


@pytest.mark.parametrize("through", ["", "nginx"])
@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_gets_what_http_promises(plaza: Plaza, tmp_path: Path, client: str, through: str) -> None:
    if not through:
        check(plaza, tmp_path, client, plaza.url())
        return
    port = free_ports(1)
    with plain_nginx(tmp_path, port, plaza.port):
        check(plaza, tmp_path, client, f"http://127.0.0.1:{port}")


def check(plaza: Plaza, folder: Path, client: str, url: str) -> None:
    staff = make_staff(plaza)  # whose refresh token may be used up
    product = make_product(plaza.staff())
    known = {"PLAZA_URL": url, "PLAZA_ACCESS": staff.access, "PLAZA_REFRESH": staff.refresh}
    written = run(*CLIENTS[client](folder), environment=clean_environment(**known, PLAZA_PRODUCT=product["id"]))
    lines = {kind: values for kind, *values in (line.split() for line in written.splitlines())}
    assert lines == {
        "chunked": ["201"],
        "too-large": ["413", "200"],
        "lower-case": ["200" if client in CAPITALS else "405" if url == plaza.url() else "400"],  # nginx's own
        "conditional": ["200", "304", "0", "412"],
        "redirect": ["200"],
        "refresh": ["200", "401", "401", "401"],
    }
    assert staff.get("/api/users/me/").status_code == 200  # the race has not ended the sign-in
