"""How the services are doing: for programs, for people, for whoever balances load."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from common.upstream import Unreachable
from gateway_project.auth.models import Session
from gateway_project.auth.sessions import revoke
from gateway_project.routing.upstreams import upstream
from gateway_project.status.models import CircuitTransition
from tests.gateway.clients import HTML, BeginSession, browser, send, slug
from tests.gateway.examples import PRODUCT, PRODUCT_ID, STAFF_ID
from tests.gateway.fakes import Services, answer
from tests.gateway.pages import read

AT = datetime(2026, 3, 4, 5, 6, 7, 89000, tzinfo=UTC)
PATH = f"/api/products/{PRODUCT_ID}/"
IDLE = {
    "circuit": "closed",
    "in_flight": 0,
    "max_in_flight": 8,
    "rejected": 0,
    "calls": 0,
    "failures": 0,
    "retries": 0,
}


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
    assert response.json() == {
        "upstreams": [{"name": name} | IDLE for name in ("users", "products", "orders")],
        "transitions": [],
    }


def test_the_report_counts_what_happened(staff: Client, services: Services) -> None:
    services.products.otherwise = answer(200, PRODUCT)
    send(staff, "GET", PATH)
    replies = iter([answer(503), answer(200, PRODUCT)])
    services.products.otherwise = lambda call: next(replies)
    send(staff, "GET", PATH)
    fail(staff, services, 2)
    bulkhead = upstream("products").bulkhead
    with bulkhead.entered():
        report = {row.pop("name"): row for row in staff.get("/api/status/").json()["upstreams"]}
    expected = IDLE | {"in_flight": 1, "calls": 5, "failures": 3, "retries": 1}
    assert report == {"users": IDLE, "products": expected, "orders": IDLE}


def test_the_report_tells_an_open_circuit(staff: Client, services: Services) -> None:
    fail(staff, services, 5)
    report = {row["name"]: row["circuit"] for row in staff.get("/api/status/").json()["upstreams"]}
    assert report == {"users": "closed", "products": "open", "orders": "closed"}
    upstream("products").circuit.half_open()
    report = {row["name"]: row["circuit"] for row in staff.get("/api/status/").json()["upstreams"]}
    assert report["products"] == "half-open"


def test_the_last_twenty_transitions_are_told_newest_first(staff: Client) -> None:
    for minutes in range(25):
        transition(minutes, failed=minutes)
    told = staff.get("/api/status/").json()["transitions"]
    assert [row["failed"] for row in told] == list(range(20))
    assert told[0] == {
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
    assert refused.json()["detail"] == "Only staff may do this."
    assert anonymous.get("/api/status/").status_code == 401


@pytest.fixture
def staff_browser(begin_session: BeginSession) -> Client:
    return browser(begin_session(STAFF_ID, "grace", is_staff=True)[1])


def test_the_page_shows_people_what_the_report_says(staff_browser: Client, user: Client, services: Services) -> None:
    fail(user, services, 5)
    transition()
    response = staff_browser.get("/status/", headers=HTML)
    shown = read(response)
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    rows = {cell.text for cell in shown.all("td")}
    assert {"users", "products", "orders", "0 of 8", "5"} <= rows
    assert [cell.text for cell in shown.all("td", **{"class": "open"})] == ["open"]
    assert [cell.text for cell in shown.all("td", **{"class": "closed"})] == ["closed", "closed"]
    assert "2026-03-04 05:06:07" in rows
    assert "5 of 7 failed" in rows
    assert "grace" in [link.text for link in shown.all("a", href="/logout/")]


def test_the_page_says_when_nothing_happened(staff_browser: Client) -> None:
    response = staff_browser.get("/status/", headers=HTML)
    assert "None: every circuit has stayed closed." in [cell.text for cell in read(response).all("td")]


def test_the_page_leads_a_visitor_to_the_sign_in_page_and_back(anonymous: Client, db: None) -> None:
    response = anonymous.get("/status/", headers=HTML)
    assert (response.status_code, response["Location"]) == (302, "/login/?next=/status/")


def test_the_page_refuses_users(begin_session: BeginSession) -> None:
    response = browser(begin_session()[1]).get("/status/", headers=HTML)
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
    fail(user, services, 5)
    services.orders.otherwise = Unreachable("orders", "down")
    for _ in range(5):
        send(user, "GET", "/api/orders/")
    response = anonymous.get("/health/ready")
    assert (response.status_code, response.json()) == (200, {"status": "degraded", "out": ["products", "orders"]})


class Broken:
    def cursor(self) -> None:
        raise OperationalError("unable to open database file")


def test_ready_is_503_without_the_database_and_live_lives_on(
    anonymous: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.health.connection", Broken())
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
    assert 'plaza_upstream_seconds_count{upstream="products"}' in text
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
