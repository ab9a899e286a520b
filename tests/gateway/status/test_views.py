"""How the services are doing: for programs, for people, for whoever balances load."""

import json
import os
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema
import pytest
from django.db import OperationalError
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from common.resilience import Deadline
from common.server import threads
from common.server.lines import Group
from common.server.threads import Threads
from common.upstream import Unreachable
from gateway_project.auth.models import Session
from gateway_project.auth.sessions import revoke
from gateway_project.status.models import CircuitTransition
from gateway_project.upstreams.client import upstream
from tests.gateway.clients import HTML, BeginSession, browser, send, slug
from tests.gateway.fakes import Services, answer
from tests.gateway.pages import read
from tests.gateway.table import PLACES
from tests.support.examples import PRODUCT, PRODUCT_ID, STAFF_ID

AT = datetime(2026, 3, 4, 5, 6, 7, 89000, tzinfo=UTC)
PATH = f"/api/products/{PRODUCT_ID}/"
IDLE: dict[str, Any] = {
    "circuit": "closed",
    "retry_after_s": None,
    "in_flight": 0,
    "max_in_flight": 8,
    "waiting": 0,
    "calls": 0,
    "failures": 0,
    "failure_rate": 0.0,
    "p50_ms": None,
    "p99_ms": None,
    "rejected": 0,
    "retries": 0,
    "points": [],
}
AT_REST = {name: IDLE | {"max_in_flight": places} for name, places in PLACES.items()}
CATALOGUE = "products/catalogue"


def told(client: Client) -> dict[str, Any]:
    """What the report says of each service, in this process."""
    [process] = client.get("/api/status/").json()["processes"]
    assert process["process"].endswith(f":{os.getpid()}")
    return {row.pop("name"): row for row in process["upstreams"]}


def transition(minutes_ago: int = 0, **changes: Any) -> CircuitTransition:
    values = {"upstream": "products", "old": "closed", "new": "open", "failed": 5, "total": 7, "process": "shop:1"}
    return CircuitTransition.objects.create(at=AT - timedelta(minutes=minutes_ago), **(values | changes))


def fail(client: Client, services: Services, times: int) -> None:
    services.products.otherwise = answer(500)
    for _ in range(times):
        assert send(client, "GET", PATH).status_code == 502


def test_the_report_names_every_service_at_rest(staff: Client) -> None:
    response = staff.get("/api/status/")
    assert (response.status_code, response["Cache-Control"]) == (200, "no-store")
    assert set(response.json()) == {"processes", "shared", "transitions"}
    assert (response.json()["shared"], response.json()["transitions"]) == ("memory", [])
    assert told(staff) == AT_REST


def test_the_report_counts_what_happened(staff: Client, services: Services) -> None:
    services.products.otherwise = answer(200, PRODUCT)
    send(staff, "GET", PATH)
    replies = iter([answer(503), answer(200, PRODUCT)])
    services.products.otherwise = lambda call: next(replies)
    send(staff, "GET", PATH)
    fail(staff, services, 2)
    with upstream("products", "catalogue").bulkhead.entered("ada", Deadline.after(60)):
        report = told(staff)
    products = report.pop(CATALOGUE)
    points = products.pop("points")
    assert (sum(point["count"] for point in points), sum(point["failed"] for point in points)) == (5, 3)
    assert 0 <= products.pop("p50_ms") <= products.pop("p99_ms")
    expected = IDLE | {"in_flight": 1, "calls": 5, "failures": 3, "failure_rate": 0.6, "retries": 1}
    assert products == {name: expected[name] for name in products}
    assert report == {name: row for name, row in AT_REST.items() if name != CATALOGUE}


def test_the_report_counts_calls_that_a_full_bulkhead_refused(staff: Client) -> None:
    bulkhead = upstream("products", "catalogue").bulkhead
    with ExitStack() as places:
        bulkhead.max_waiting = 0
        for number in range(8):
            places.enter_context(bulkhead.entered(number, Deadline.after(60)))
        assert send(staff, "GET", PATH).status_code == 503
        assert told(staff)[CATALOGUE] == IDLE | {"in_flight": 8, "rejected": 1}
    assert told(staff)[CATALOGUE] == IDLE | {"rejected": 1}


def test_the_report_counts_requests_that_wait_for_a_thread(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    own = Threads(1, places={"products/catalogue": 0})
    for _ in range(3):
        own.submit(lambda: None, Group("products/catalogue"))
    monkeypatch.setattr(threads, "own", own)
    assert told(staff)[CATALOGUE] == IDLE | {"waiting": 3}


def test_the_report_tells_an_open_circuit_and_when_it_may_be_tried(staff: Client, services: Services) -> None:
    services.products.is_ready = False
    fail(staff, services, 5)
    report = told(staff)
    assert [name for name, row in report.items() if row["circuit"] == "open"] == [CATALOGUE]
    assert 0 < report[CATALOGUE]["retry_after_s"] <= 5
    upstream("products", "catalogue").circuit.close()
    closed = told(staff)[CATALOGUE]
    assert (closed["circuit"], closed["retry_after_s"]) == ("closed", None)


def test_the_report_is_as_its_schema_says(staff: Client, services: Services) -> None:
    fail(staff, services, 5)
    transition()
    document = json.loads(json.dumps(SchemaGenerator().get_schema(request=None, public=True), default=str))
    schema = {"$ref": "#/components/schemas/StatusReport", "components": document["components"]}
    jsonschema.validate(staff.get("/api/status/").json(), schema)


def test_the_last_twenty_transitions_are_told_newest_first(staff: Client) -> None:
    for minutes in range(25):
        transition(minutes, failed=minutes)
    last = staff.get("/api/status/").json()["transitions"]
    assert [row["failed"] for row in last] == list(range(20))
    assert last[0] == {
        "upstream": "products",
        "old": "closed",
        "new": "open",
        "failed": 0,
        "total": 7,
        "process": "shop:1",
        "at": "2026-03-04T05:06:07.089000Z",
    }


def test_the_report_is_for_staff(user: Client, anonymous: Client) -> None:
    refused = user.get("/api/status/")
    assert (refused.status_code, slug(refused)) == (403, "permission-denied")
    assert refused.json()["detail"] == "Only staff may do this. Sign in as staff."
    assert anonymous.get("/api/status/").status_code == 401


@pytest.fixture
def staff_browser(begin_session: BeginSession) -> Client:
    return browser(begin_session(STAFF_ID, "grace", is_staff=True)[1])


def test_the_page_begins_with_what_the_report_says(staff_browser: Client, user: Client, services: Services) -> None:
    services.products.is_ready = False
    fail(user, services, 5)
    transition()
    response = staff_browser.get("/status/", headers=HTML)
    shown = read(response)
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    report = json.loads(shown.one("script", id="report").text)
    assert [row["name"] for row in report["processes"][0]["upstreams"]] == list(AT_REST)
    assert [row["name"] for row in report["processes"][0]["upstreams"] if row["circuit"] == "open"] == [CATALOGUE]
    assert report["transitions"][0]["at"] == "2026-03-04T05:06:07.089000Z"
    assert shown.one("div", id="status").attributes["data-url"] == "/api/status/"
    assert "grace" in [link.text for link in shown.all("a", href="/api/users/me/")]


def test_the_page_uses_local_files_only_and_they_are_served(staff_browser: Client, settings: Any) -> None:
    shown = read(staff_browser.get("/status/", headers=HTML))
    files = [
        element.attributes.get("src") or element.attributes.get("href")
        for element in [*shown.all("script"), *shown.all("link")]
    ]
    files = [name for name in files if name]
    assert len(files) == 5
    settings.WHITENOISE_AUTOREFRESH = False
    client = Client()
    for name in files:
        assert name is not None
        assert name.startswith("/static/")
        response = client.get(name)
        assert response.status_code == 200, name
        assert b"".join(response.streaming_content)  # type: ignore[attr-defined]


def test_a_hostile_name_in_the_report_adds_no_markup(staff_browser: Client) -> None:
    before = [element.tag for element in read(staff_browser.get("/status/", headers=HTML)).elements]
    transition(process="</script><script>alert(1)</script>")
    response = staff_browser.get("/status/", headers=HTML)
    assert [element.tag for element in read(response).elements] == before
    report = json.loads(read(response).one("script", id="report").text)
    assert report["transitions"][0]["process"] == "</script><script>alert(1)</script>"


def test_the_page_leads_a_visitor_to_the_sign_in_page_and_back(anonymous: Client, db: None) -> None:
    response = anonymous.get("/status/", headers=HTML)
    assert (response.status_code, response["Location"]) == (302, "/login/?next=/status/")


def test_the_page_refuses_users(begin_session: BeginSession) -> None:
    response = browser(begin_session()[1]).get("/status/", headers={"Accept": "application/json"})
    assert (response.status_code, slug(response)) == (403, "permission-denied")


def test_the_page_refuses_who_is_signed_out(begin_session: BeginSession) -> None:
    session, pair = begin_session(STAFF_ID, "grace", is_staff=True)
    revoke(Session.objects.filter(pk=session.pk), "signed out")
    assert browser(pair).get("/status/", headers=HTML)["Location"] == "/login/?next=/status/"


def test_ready_says_ok_while_all_circuits_are_closed(anonymous: Client, db: None) -> None:
    response = anonymous.get("/health/ready")
    assert (response.status_code, response.json()) == (200, {"status": "ok", "out": []})


def test_ready_is_degraded_but_ready_while_a_service_is_out(
    user: Client, anonymous: Client, services: Services
) -> None:
    services.products.is_ready = services.orders.is_ready = False
    fail(user, services, 5)
    services.orders.otherwise = Unreachable("orders", "down")
    for _ in range(5):
        send(user, "GET", "/api/orders/")
    response = anonymous.get("/health/ready")
    assert (response.status_code, response.json()) == (200, {"status": "degraded", "out": ["orders", "products"]})


class Broken:
    def cursor(self) -> None:
        raise OperationalError("unable to open database file")


def test_ready_is_503_without_the_database_and_live_lives_on(
    anonymous: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.observability.health.connection", Broken())
    response = anonymous.get("/health/ready")
    assert (response.status_code, slug(response)) == (503, "database-unavailable")
    assert "database file" not in response.content.decode()
    assert anonymous.get("/health/live").json() == {"status": "ok"}


def test_metrics_are_for_loopback_or_who_has_the_token(
    anonymous: Client, user: Client, services: Services, settings: Any
) -> None:
    services.products.otherwise = answer(200, PRODUCT)
    send(user, "GET", PATH)
    text = anonymous.get("/metrics").content.decode()
    assert 'plaza_upstream_seconds_count{upstream="products/catalogue"}' in text
    assert 'route="api/products/<uuid:product_id>/"' in text
    assert PRODUCT_ID not in text
    refused = anonymous.get("/metrics", REMOTE_ADDR="192.0.2.1")
    assert (refused.status_code, slug(refused)) == (403, "permission-denied")
    assert anonymous.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 403
    settings.METRICS_TOKEN = "metrics-token-for-the-scraper"
    bearer = {"Authorization": "Bearer metrics-token-for-the-scraper"}
    assert anonymous.get("/metrics", REMOTE_ADDR="192.0.2.1", headers=bearer).status_code == 200
    wrong = {"Authorization": "Bearer metrics-token"}
    assert anonymous.get("/metrics", REMOTE_ADDR="192.0.2.1", headers=wrong).status_code == 403
