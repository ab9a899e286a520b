"""A products service that breaks its contract, and a gateway and orders service that notice."""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import uuid4

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.support import examples
from tests.support.http import problem, succeeded
from tests.support.plaza import Plaza, eventually
from tests.support.threads import at_once
from tests.system.shop import search_uncached, send_order

INTERNAL = "10.0.0.7:5432 Traceback"  # what no client may see
PRODUCT = {**examples.PRODUCT, "sku": "REAL-1", "name": "Thing", "price": "2.50"}
PAGE = {"next": None, "previous": None, "results": [PRODUCT]}

Answering = Callable[[Request], Response]


def as_json(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answering:
    return lambda request: Response(json.dumps(body), status, headers, content_type="application/json")


def cut_off(request: Request) -> Response:
    return Response(iter([b'{"next": null, ']), headers={"Content-Length": "1000"})


def dripping(request: Request) -> Response:
    def drops() -> Iterator[bytes]:
        for _ in range(1000):
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
def products(impostor: HTTPServer, deceived: Plaza) -> Impostor:
    """It keeps its contract until the test calls `answers`."""
    played = Impostor(impostor)
    played.answers(as_json(PAGE))
    for _ in range(2):  # more than half of all calls succeed, so no circuit opens
        eventually(lambda: search_uncached(deceived.staff()).status_code == 200)
    return played


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
def test_a_client_sees_a_problem_without_internal_details(
    deceived: Plaza, products: Impostor, answering: Answering, status: int, slug: str
) -> None:
    products.answers(answering)

    response = search_uncached(deceived.staff())
    problem(response, status, slug)
    shown = response.text + str(response.headers)
    assert "10.0.0.7" not in shown
    assert "Traceback" not in shown
    assert str(products.server.port) not in shown
    assert response.elapsed.total_seconds() < 60  # without a deadline it drips for 100 s


def test_an_unknown_field_is_dropped_and_counted(deceived: Plaza, products: Impostor) -> None:
    page = {**PAGE, "results": [{**PRODUCT, "margin": INTERNAL}]}
    products.answers(as_json(page, headers={"X-Internal": INTERNAL}))

    response = search_uncached(deceived.staff())
    assert succeeded(response) == PAGE
    assert "X-Internal" not in response.headers
    metrics = deceived.client().get("/metrics").text
    assert 'plaza_unknown_fields_total{contract="ProductPage"} 1.0' in metrics


def test_only_listed_headers_of_a_client_reach_a_service(deceived: Plaza, products: Impostor) -> None:
    seen: list[Request] = []

    def recording(request: Request) -> Response:
        seen.append(request)
        return as_json(PAGE)(request)

    products.answers(recording)
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
    assert request.headers.get("User-Agent") != "mine"
    assert 2000 < int(request.headers["X-Plaza-Deadline-Ms"]) <= 2800


def verdict(request: Request, **changes: Any) -> Response:
    """The verdict of products on an order for two of its only product."""
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
    "wrong_verdict",
    [
        lambda request: verdict(request, order_id=str(uuid4())),
        lambda request: verdict(request, items=[]),
        lambda request: verdict(request, state="sold"),
        as_json({"detail": INTERNAL}, 404),
    ],
)
def test_an_order_waits_for_a_valid_verdict(deceived: Plaza, products: Impostor, wrong_verdict: Answering) -> None:
    staff = deceived.staff()
    products.answers(wrong_verdict)

    pending = succeeded(send_order(staff, PRODUCT, 2), 202)
    assert (pending["status"], pending["total"]) == ("pending", None)
    products.answers(verdict)
    path = f"/api/orders/{pending['id']}/"
    eventually(lambda: succeeded(staff.get(path))["status"] == "confirmed")
    assert succeeded(staff.get(path))["total"] == "5.00"


def test_wrong_passwords_are_throttled_by_account(deceived: Plaza) -> None:
    nobody, guess = deceived.client(), {"username": "Guessed", "password": "not-the-password"}

    def attempt() -> Any:
        return nobody.post("/api/auth/token/", guess)

    problem(attempt(), 401, "invalid-credentials")
    at_once([lambda: [attempt() for _ in range(5)]] * 2)
    # On a slow machine a pause may just have ended.
    (refused,) = eventually(lambda: [answer for answer in [attempt()] if answer.status_code == 429])
    problem(refused, 429, "throttled")
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    another = nobody.post("/api/auth/token/", {**guess, "username": "another"})
    problem(another, 401, "invalid-credentials")
