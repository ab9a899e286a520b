"""A products service that does not keep its contract, behind a gateway and orders that hold it to it."""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.system.client import Client, problem, succeeded
from tests.system.plaza import System, eventually
from tests.system.shop import at_once, send_order

INTERNAL = "10.0.0.7:5432 Traceback"  # what no client may ever see
NOW = datetime.now(UTC).isoformat().replace("+00:00", "Z")
PRODUCT = {
    "id": "01890000-0000-7000-8000-000000000001",
    "sku": "REAL-1",
    "name": "Thing",
    "description": "",
    "price": "2.50",
    "currency": "EUR",
    "stock": 3,
    "category": "things",
    "created_at": NOW,
    "updated_at": NOW,
}
PAGE = {"next": None, "previous": None, "results": [PRODUCT]}

Answering = Callable[[Request], Response]


def as_json(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answering:
    return lambda request: Response(json.dumps(body), status, headers, content_type="application/json")


def cut_off(request: Request) -> Response:
    return Response(iter([b'{"next": null, ']), headers={"Content-Length": "1000"})


def dripping(request: Request) -> Response:
    def drops() -> Iterator[bytes]:
        for _ in range(100):
            time.sleep(0.1)
            yield b" "

    return Response(drops())


class Impostor:
    def __init__(self, server: HTTPServer) -> None:
        self.server = server

    def answers(self, answering: Answering) -> None:
        self.server.clear()
        self.server.expect_request(re.compile("/.*")).respond_with_handler(answering)


@pytest.fixture
def products(impostor: HTTPServer, deceived: System) -> Impostor:
    """Honest so far, and trusted by the gateway; `answers` changes what it says."""
    played = Impostor(impostor)
    played.answers(as_json(PAGE))
    for _ in range(2):  # so that the lies stay the smaller part, and no circuit opens
        eventually(lambda: look(deceived.staff()).status_code == 200)
    return played


def look(client: Client) -> Any:
    """At the catalogue, in a way that no cache has an answer to."""
    return client.get(f"/api/products/?search={uuid4()}")


@pytest.mark.parametrize(
    ("answering", "status", "slug"),
    [
        (lambda request: Response(f"<h1>{INTERNAL}</h1>", content_type="text/html"), 502, "contract-violation"),
        (as_json({**PAGE, "results": INTERNAL}), 502, "contract-violation"),
        (as_json({**PAGE, "results": [{**PRODUCT, "price": 2.5}]}), 502, "contract-violation"),
        (as_json({**PAGE, "results": [{**PRODUCT, "id": INTERNAL}]}), 502, "contract-violation"),
        (as_json({"next": None, "results": [PRODUCT]}), 502, "contract-violation"),
        (as_json({**PAGE, "next": f"http://{INTERNAL}/products/?cursor=x"}), 502, "contract-violation"),
        (as_json({**PAGE, "padding": "x" * 5_000_000}), 502, "contract-violation"),
        (as_json({}, 302, {"Location": "http://10.0.0.7/"}), 502, "contract-violation"),
        (as_json({"detail": INTERNAL}, 404), 502, "contract-violation"),
        (as_json({"detail": INTERNAL}, 401), 502, "upstream-refused-gateway"),
        (as_json({"detail": INTERNAL}, 500), 502, "upstream-error"),
        (cut_off, 502, "upstream-broken-off"),
        (dripping, 504, "upstream-timeout"),
    ],
)
def test_a_client_sees_a_problem_and_none_of_its_details(
    deceived: System, products: Impostor, answering: Answering, status: int, slug: str
) -> None:
    products.answers(answering)

    response = look(deceived.staff())
    problem(response, status, slug)
    said = response.text + str(response.headers)
    assert "10.0.0.7" not in said
    assert "Traceback" not in said
    assert str(products.server.port) not in said
    assert response.elapsed.total_seconds() < 5


def test_what_the_contract_does_not_name_is_dropped_and_counted(deceived: System, products: Impostor) -> None:
    page = {**PAGE, "results": [{**PRODUCT, "margin": INTERNAL}]}
    products.answers(as_json(page, headers={"X-Internal": INTERNAL}))

    response = look(deceived.staff())
    assert succeeded(response) == PAGE
    assert "X-Internal" not in response.headers
    metrics = deceived.client().get("/metrics").text
    assert 'plaza_unknown_fields_total{contract="ProductPage"} 1.0' in metrics


def test_what_a_client_sends_on_the_way_to_a_service_is_an_allow_list(deceived: System, products: Impostor) -> None:
    seen: list[Request] = []

    def listening(request: Request) -> Response:
        seen.append(request)
        return as_json(PAGE)(request)

    products.answers(listening)
    sent = {"X-User-Id": "1", "X-Forwarded-For": "1.2.3.4", "Cookie": "a=b", "User-Agent": "mine", "Script-Name": "/x"}

    staff = deceived.staff()
    succeeded(
        staff.get("/api/products/?search=seen", headers={**sent, "Accept-Language": "es", "X-Plaza-Deadline-Ms": "9"})
    )
    (request,) = seen
    names = {name.lower() for name, _ in request.headers}
    allowed = {"accept-language", "idempotency-key", "if-match", "if-none-match"}
    own = {"host", "user-agent", "accept", "accept-encoding", "authorization"}
    own |= {"x-request-id", "traceparent", "x-plaza-deadline-ms"}
    assert names <= allowed | own
    assert request.headers["Authorization"] != f"Bearer {staff.access}"
    assert request.headers["User-Agent"] != "mine"
    assert 2000 < int(request.headers["X-Plaza-Deadline-Ms"]) <= 2800


def verdict(request: Request, **changes: Any) -> Response:
    """What products says of an order for two of the one product."""
    held = {"product_id": PRODUCT["id"], "sku": "REAL-1", "name": "Thing", "unit_price": "2.50", "quantity": 2}
    body = {
        "order_id": request.path.split("/")[2],
        "state": "held",
        "currency": "EUR",
        "items": [held],
        "refusal": None,
        **changes,
    }
    return as_json(body)(request)


@pytest.mark.parametrize(
    "lying",
    [
        lambda request: verdict(request, order_id=str(uuid4())),
        lambda request: verdict(request, items=[]),
        lambda request: verdict(request, state="sold"),
        as_json({"detail": INTERNAL}, 404),
    ],
)
def test_an_order_waits_for_a_verdict_that_can_be_believed(
    deceived: System, products: Impostor, lying: Answering
) -> None:
    staff = deceived.staff()
    products.answers(lying)

    pending = succeeded(send_order(staff, PRODUCT, 2), 202)
    assert (pending["status"], pending["total"]) == ("pending", None)
    products.answers(verdict)
    path = f"/api/orders/{pending['id']}/"
    eventually(lambda: succeeded(staff.get(path))["status"] == "confirmed")
    assert succeeded(staff.get(path))["total"] == "5.00"


def test_signing_in_is_throttled_by_account_and_says_for_how_long(deceived: System) -> None:
    nobody, guess = deceived.client(), {"username": "Guessed", "password": "not-the-password"}

    def attempt() -> Any:
        return nobody.post("/api/auth/token/", guess)

    problem(attempt(), 401, "invalid-credentials")
    at_once([lambda: [attempt() for _ in range(5)]] * 2)
    # Perhaps not at once: a new minute may have begun.
    (refused,) = eventually(lambda: [answer for answer in [attempt()] if answer.status_code == 429])
    problem(refused, 429, "throttled")
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    another = nobody.post("/api/auth/token/", {**guess, "username": "another"})
    problem(another, 401, "invalid-credentials")
