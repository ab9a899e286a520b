"""The examples of docs/clients.md, with clients generated from the document of a running Plaza, and its linters.

Between Plaza and each example stands a front that takes one access token for expired, loses the first answer to an
order, and is out of order for the second attempt. What the example prints must be as if nothing had happened.
"""

import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from operations.layout import ROOT
from tests.support.http import Client, succeeded
from tests.support.plaza import CUSTOMER_PASSWORD, Plaza, clean_environment
from tests.system.packages import SOURCES, node_modules, python_environment, run
from tests.system.shop import make_product

pytestmark = pytest.mark.clients

DOCUMENT = "/api/schema/?format=json"
NO_ID: dict[str, Any] = {"request_id": None}
EXPIRED = {
    "type": "/problems/invalid-token",
    "title": "",
    "status": 401,
    "detail": "",
    "instance": "",
    "request_id": None,
}
OUT_OF_ORDER = {**EXPIRED, "type": "/problems/circuit-open", "status": 503}
HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "host"}


class Front(ThreadingHTTPServer):
    """Hands requests on to `plaza_url`, with each of its faults once."""

    daemon_threads = True

    def __init__(self, plaza_url: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.plaza_url = plaza_url
        self.faults: dict[str, list[Callable[[Handler], bool]]] = {
            "GET /api/products/": [Handler.refuse],
            "POST /api/orders/": [Handler.lose, Handler.fail],
        }
        self.seen: list[str] = []
        self.keys: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Front
    protocol_version = "HTTP/1.1"

    def handle_one(self) -> None:
        name = f"{self.command} {self.path.partition('?')[0]}"
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append(name)
        if name == "POST /api/orders/":
            self.server.keys.append(self.headers["Idempotency-Key"])
        faults = self.server.faults.get(name, [])
        if not faults or not faults.pop(0)(self):
            self.answer(self.forward())

    do_GET = do_POST = handle_one

    def forward(self) -> requests.Response:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        return requests.request(
            self.command, self.server.plaza_url + self.path, data=self.body, headers=headers, timeout=20
        )

    def answer(self, response: requests.Response) -> None:
        self.send(response.status_code, response.content, dict(response.headers))

    def send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def problem(self, problem: dict[str, Any], **headers: str) -> bool:
        body = requests.models.complexjson.dumps(problem).encode()
        self.send(problem["status"], body, {"Content-Type": "application/problem+json", **headers})
        return True

    def refuse(self) -> bool:
        return self.problem(EXPIRED)

    def fail(self) -> bool:
        return self.problem(OUT_OF_ORDER, **{"Retry-After": "1"})

    def lose(self) -> bool:
        """Plaza does it, and nobody is told."""
        self.forward()
        self.close_connection = True
        return True

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture
def front(plaza: Plaza) -> Iterator[Front]:
    with Front(plaza.url()) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def document(plaza: Plaza, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("document") / "openapi.json"
    client = plaza.client()
    path.write_bytes(client.get(DOCUMENT).content)
    return path


def example(language: str) -> str:
    """The blocks of one language, one after the other."""
    page = (ROOT / "docs/clients.md").read_text()
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 3
    return "".join(blocks)


def python_example(folder: Path, document: Path) -> list[str | Path]:
    bin = python_environment() / "bin"
    generate = [bin / "openapi-python-client", "generate", "--path", document, "--meta", "none"]
    config = SOURCES / "openapi-python-client.yaml"
    said = run(*generate, "--output-path", folder / "plaza_client", "--config", config, directory=folder)
    assert "Warning" not in said, said
    (folder / "example.py").write_text(example("python"))
    return [bin / "python", "-W", "error", folder / "example.py"]


def typescript_example(folder: Path, document: Path) -> list[str | Path]:
    modules = node_modules() / "node_modules"
    (folder / "node_modules").symlink_to(modules)
    (folder / "package.json").write_text('{"type": "module"}')
    run(modules / ".bin/openapi-typescript", document, "--output", folder / "schema.d.ts", directory=folder)
    (folder / "example.ts").write_text(example("typescript"))
    strict = ["--strict", "--noUncheckedIndexedAccess", "--target", "es2022", "--module", "nodenext", "--types", "node"]
    run(modules / ".bin/tsc", *strict, "example.ts", directory=folder)
    return ["node", folder / "example.js"]


@pytest.mark.parametrize("prepare", [python_example, typescript_example])
def test_the_example_runs_although_answers_get_lost(
    prepare: Callable[[Path, Path], list[str | Path]], plaza: Plaza, front: Front, document: Path, tmp_path: Path
) -> None:
    customer = plaza.customer()
    make_product(plaza.staff(), price="0.01", stock=500)
    command = prepare(tmp_path, document)
    prices = [int(product["price"].replace(".", "")) for product in all_products(customer)]
    known = {"PLAZA_URL": front.url, "PLAZA_USER": customer.user["username"], "PLAZA_PASSWORD": CUSTOMER_PASSWORD}
    written = run(*command, directory=tmp_path, environment=clean_environment(**known)).splitlines()

    first, confirmed, refused = written
    assert first == f"{len(prices)} products, one of each costs {sum(prices) // 100}.{sum(prices) % 100:02} EUR"
    assert confirmed == "confirmed: 0.02 EUR"
    assert re.fullmatch(r"only \d+ left", refused)
    orders = succeeded(customer.get("/api/orders/"))["results"]
    assert [order["status"] for order in orders] == ["rejected", "confirmed"]
    assert front.seen.count("POST /api/auth/token/refresh/") == 1
    first_key = front.keys[0]
    assert front.keys[:3] == [first_key] * 3
    assert front.faults == {name: [] for name in front.faults}


def all_products(client: Client) -> list[dict[str, Any]]:
    return [row for page in client.pages("/api/products/?page_size=100") for row in page["results"]]


def test_redocly_finds_nothing_in_the_document(document: Path) -> None:
    program = node_modules() / "node_modules/.bin/redocly"
    without_telemetry = clean_environment(REDOCLY_TELEMETRY="off", REDOCLY_SUPPRESS_UPDATE_NOTICE="true")
    run(
        *(program, "lint", document, "--config", SOURCES / "redocly.yaml", "--max-problems", "1"),
        environment=without_telemetry,
    )


def test_spectral_finds_nothing_in_the_document(document: Path) -> None:
    program = node_modules() / "node_modules/.bin/spectral"
    said = run(program, "lint", document, "--ruleset", SOURCES / "spectral.yaml", "--fail-severity", "hint")
    assert "No results" in said
