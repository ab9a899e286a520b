"""Every way in which a service can fail has one status, one slug and one `Proxy-Status`."""

import logging
from contextlib import ExitStack
from dataclasses import replace
from uuid import UUID

import pytest
from django.test import Client
from structlog.testing import capture_logs

from common import upstream as errors
from common.observability.tracing import RequestLine
from common.resilience import Deadline, Transition
from common.upstream import Answer
from gateway_project.upstreams import problems
from gateway_project.upstreams.client import prober, upstream
from gateway_project.upstreams.problems import PROBLEMS
from tests.gateway.clients import HTML, send, slug
from tests.gateway.fakes import Services, answer, problem
from tests.support.examples import NEW_ORDER, NEW_PRODUCT, ORDER, PRODUCT, PRODUCT_ID, USER, USER_ID, page

PATH = f"/api/products/{PRODUCT_ID}/"
SECRET = "http://10.1.2.3:8002/ said too much"

# error, status, slug, Proxy-Status, Retry-After
FAILURES = [
    (errors.Unreachable("products", SECRET), 502, "upstream-unreachable", "connection_refused", None),
    (errors.TimedOut("products", SECRET), 504, "upstream-timeout", "http_response_timeout", None),
    (errors.BrokenOff("products", SECRET), 502, "upstream-broken-off", "http_response_incomplete", None),
    (errors.ServerFailed("products", 500), 502, "upstream-error", "destination_unavailable", None),
    (errors.BrokenContract("products", SECRET), 502, "contract-violation", "http_protocol_error", None),
    (errors.StorageFull("products", SECRET), 503, "storage", "destination_unavailable", "1"),
    (errors.RequestTooLong("products", SECRET), 414, "uri-too-long", "http_request_error", None),
    (errors.BulkheadRejected("products", SECRET), 503, "bulkhead-full", "connection_limit_reached", "1"),
    (errors.CircuitRejected("products", 3.2), 503, "circuit-open", "destination_unavailable", "4"),
]


def leaves(kind: type[errors.UpstreamError]) -> set[type[errors.UpstreamError]]:
    below = kind.__subclasses__()
    return set().union(*map(leaves, below)) if below else {kind}


def test_every_upstream_error_has_its_wording() -> None:
    assert set(PROBLEMS) == leaves(errors.UpstreamError) == {type(failure[0]) for failure in FAILURES}


@pytest.mark.parametrize(("error", "status", "name", "proxy_error", "retry_after"), FAILURES)
def test_a_failure_is_worded_without_the_inside(
    error: errors.UpstreamError,
    status: int,
    name: str,
    proxy_error: str,
    retry_after: str | None,
    user: Client,
    services: Services,
    caplog: pytest.LogCaptureFixture,
) -> None:
    services.products.otherwise = error
    with caplog.at_level(logging.INFO, "plaza.request"):
        response = send(user, "GET", PATH)
    assert (response.status_code, slug(response)) == (status, name)
    assert response["Proxy-Status"] == f"plaza; error={proxy_error}"
    assert response.get("Retry-After") == retry_after
    assert response["Cache-Control"] == "no-store"
    text = response.content.decode() + str(response.headers)
    assert not [word for word in ("10.1.2.3", "8002", "too much", "Traceback", "answered 500") if word in text]
    [line] = [record.msg for record in caplog.records if record.name == "plaza.request"]
    assert isinstance(line, RequestLine)
    assert line["upstream_error"] == error.cause


@pytest.mark.parametrize("status", [500, 501, 502, 503, 504, 599])
def test_a_services_5xx_is_a_502_whatever_it_says(status: int, user: Client, services: Services) -> None:
    services.products.otherwise = answer(status, {"detail": SECRET}, Retry_After="3600")
    response = send(user, "GET", PATH)
    assert (response.status_code, slug(response)) == (502, "upstream-error")
    assert "Retry-After" not in response
    assert SECRET not in response.content.decode()


def test_a_full_bulkhead_is_refused_without_a_call(user: Client, services: Services) -> None:
    bulkhead = upstream("products", "catalogue").bulkhead
    bulkhead.max_waiting = 0
    with ExitStack() as places:
        for number in range(bulkhead.limit):
            places.enter_context(bulkhead.entered(number, Deadline.after(60)))
        response = send(user, "GET", PATH)
    assert (response.status_code, slug(response), response["Retry-After"]) == (503, "bulkhead-full", "1")
    assert services.calls == []
    services.products.otherwise = answer(500)
    assert slug(send(user, "GET", PATH)) == "upstream-error"


def test_a_full_lane_closes_no_other_lane_of_the_service(user: Client, services: Services) -> None:
    bulkhead = upstream("products", "search").bulkhead
    bulkhead.max_waiting = 0
    services.products.otherwise = answer(200, page(PRODUCT))
    with ExitStack() as places:
        for number in range(bulkhead.limit):
            places.enter_context(bulkhead.entered(number, Deadline.after(60)))
        assert slug(send(user, "GET", "/api/products/?search=tea")) == "bulkhead-full"
        assert send(user, "GET", "/api/products/").status_code == 200


def test_one_user_never_takes_all_places(user: Client, services: Services) -> None:
    bulkhead = upstream("products", "catalogue").bulkhead
    services.products.otherwise = answer(200, page(PRODUCT))
    bulkhead.max_waiting = 0
    with ExitStack() as places:
        for _ in range(4):
            places.enter_context(bulkhead.entered(UUID(USER_ID), Deadline.after(60)))
        assert slug(send(user, "GET", "/api/products/")) == "bulkhead-full"
        with bulkhead.entered("another", Deadline.after(60)):
            assert bulkhead.in_flight == 5


def open_the_circuit(client: Client, services: Services) -> None:
    services.products.is_ready = False
    services.products.otherwise = errors.Unreachable("products", "no answer")
    upstream("products", "catalogue").policy = replace(upstream("products", "catalogue").policy, max_retries=0)
    for _ in range(5):
        assert slug(send(client, "GET", PATH)) == "upstream-unreachable"
    assert len(services.products.calls) == 5


def test_an_open_circuit_answers_without_calling_the_service(user: Client, services: Services) -> None:
    open_the_circuit(user, services)
    response = send(user, "GET", PATH)
    assert (response.status_code, slug(response), response["Retry-After"]) == (503, "circuit-open", "5")
    assert len(services.products.calls) == 5


def test_an_open_circuit_closes_no_other_services_door(user: Client, services: Services) -> None:
    open_the_circuit(user, services)
    services.users.otherwise = answer(200, USER)
    assert send(user, "GET", "/api/users/me/").status_code == 200
    assert upstream("users", "accounts").circuit.state == upstream("orders", "orders").circuit.state == "closed"


def test_an_open_circuit_still_checks_what_enters_first(user: Client, services: Services) -> None:
    open_the_circuit(user, services)
    assert send(user, "GET", f"{PATH}?colour=blue").status_code == 400
    assert send(user, "POST", "/api/products/", NEW_PRODUCT).status_code == 403


def test_a_transition_is_announced_with_what_led_to_it(
    user: Client, services: Services, transitions: list[Transition]
) -> None:
    with capture_logs() as logs:
        open_the_circuit(user, services)
    assert transitions == [Transition("products/catalogue", "closed", "open", failed=5, total=5)]
    announced = next(entry for entry in logs if entry["event"] == "circuit")
    assert (announced["upstream"], announced["old"], announced["new"]) == ("products/catalogue", "closed", "open")


def test_a_service_that_is_ready_again_closes_the_circuit_before_any_call(
    user: Client, services: Services, transitions: list[Transition]
) -> None:
    open_the_circuit(user, services)
    circuit = upstream("products", "catalogue").circuit
    circuit._opened_at -= 5
    services.products.is_ready = True
    prober("products").probe()
    assert circuit.state == "closed"
    assert [(step.old, step.new) for step in transitions] == [
        ("closed", "open"),
        ("open", "half-open"),
        ("half-open", "closed"),
    ]
    services.products.otherwise = answer(200, PRODUCT)
    assert send(user, "GET", PATH).status_code == 200


BROKEN = [
    answer(200, {**PRODUCT, "stock": "many"}),
    answer(404, {"detail": "no problem"}),
    Answer(414, {}, b"<html>"),
    answer(302),
    answer(500),
]


@pytest.mark.parametrize("broken", BROKEN)
def test_what_fails_for_one_user_opens_nothing_while_the_service_is_ready(
    broken: Answer, user: Client, services: Services
) -> None:
    services.products.otherwise = broken
    for _ in range(20):
        assert send(user, "GET", PATH).status_code == 502
    services.products.otherwise = answer(200, PRODUCT)
    assert send(user, "GET", PATH).status_code == 200


@pytest.mark.parametrize("broken", [BROKEN[0], BROKEN[3], BROKEN[4]])
def test_failures_of_a_service_that_is_not_ready_open_the_circuit(
    broken: Answer, user: Client, services: Services
) -> None:
    services.products.otherwise = broken
    services.products.is_ready = False
    for _ in range(5):
        assert send(user, "GET", PATH).status_code == 502
    assert send(user, "GET", PATH).status_code == 503


@pytest.mark.parametrize("status", [400, 401, 404, 409, 412])
def test_refusals_never_open_the_circuit(status: int, user: Client, services: Services) -> None:
    services.products.otherwise = problem(status)
    for _ in range(12):
        assert send(user, "GET", PATH).status_code in {status, 502}
    assert upstream("products", "catalogue").circuit.state == "closed"
    assert upstream("products", "catalogue").circuit.window.totals() == (0, 0)


def test_a_failed_read_is_tried_once_more_within_the_request(user: Client, services: Services) -> None:
    replies = iter([answer(503), answer(200, PRODUCT)])
    services.products.otherwise = lambda call: next(replies)
    assert send(user, "GET", PATH).status_code == 200
    assert len(services.products.calls) == 2
    assert upstream("products", "catalogue").retries == 1


def test_a_page_for_people_tells_of_a_failure_too(user: Client, services: Services) -> None:
    services.products.otherwise = errors.Unreachable("products", SECRET)
    response = user.get(PATH, headers=HTML)
    assert (response.status_code, response["Content-Type"]) == (502, "text/html; charset=utf-8")
    assert "/problems/upstream-unreachable" in response.content.decode()
    assert "10.1.2.3" not in response.content.decode()


UNDECIDED = [failure[0] for failure in FAILURES if isinstance(failure[0], problems.UNDECIDED)]
MAYBE = "It may have been done all the same."


@pytest.mark.parametrize("error", UNDECIDED, ids=lambda error: type(error).__name__)
def test_of_a_write_that_may_have_happened_it_says_how_to_go_on(
    error: errors.UpstreamError, user: Client, services: Services
) -> None:
    services.orders.otherwise = error
    without = send(user, "POST", "/api/orders/", NEW_ORDER)
    assert without.json()["detail"].endswith(f"{MAYBE} Look at /api/orders/ before you send it again.")
    with_key = send(user, "POST", "/api/orders/", NEW_ORDER, Idempotency_Key="my-key")
    expected = f"{MAYBE} Send it again with the same Idempotency-Key, and it is done once."
    assert with_key.json()["detail"].endswith(expected)
    assert MAYBE not in send(user, "GET", "/api/orders/").json()["detail"]


def test_of_a_write_that_did_not_happen_it_does_not_say_so(user: Client, services: Services) -> None:
    for error in (failure[0] for failure in FAILURES):
        if error not in UNDECIDED:
            services.orders.otherwise = error
            assert MAYBE not in send(user, "POST", "/api/orders/", NEW_ORDER).json()["detail"], error


def test_every_answer_to_a_key_names_it(user: Client, services: Services) -> None:
    for played in (answer(201, ORDER), problem(409, "insufficient-stock"), UNDECIDED[0]):
        services.orders.otherwise = played
        response = send(user, "POST", "/api/orders/", NEW_ORDER, Idempotency_Key="my-key")
        assert response["Idempotency-Key"] == "my-key"
        assert not send(user, "POST", "/api/orders/", NEW_ORDER).has_header("Idempotency-Key")
    for unusable in ("", "a b", "é", "k" * 256):
        response = send(user, "POST", "/api/orders/", NEW_ORDER, Idempotency_Key=unusable)
        assert not response.has_header("Idempotency-Key")
