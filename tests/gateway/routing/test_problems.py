"""Every way in which a service can fail has one status, one slug and one `Proxy-Status`."""

import pytest
from django.test import Client
from structlog.testing import capture_logs

from common import upstream as errors
from common.resilience import Transition
from common.upstream import Answer
from gateway_project.routing.problems import WORDINGS
from gateway_project.routing.upstreams import upstream
from tests.gateway.clients import HTML, send, slug
from tests.gateway.examples import NEW_PRODUCT, PRODUCT, PRODUCT_ID, USER
from tests.gateway.fakes import Services, answer, problem

PATH = f"/api/products/{PRODUCT_ID}/"
SECRET = "http://10.1.2.3:8002/ said too much"

# error, status, slug, Proxy-Status, Retry-After
FAILURES = [
    (errors.Unreachable("products", SECRET), 502, "upstream-unreachable", "connection_refused", None),
    (errors.TimedOut("products", SECRET), 504, "upstream-timeout", "http_response_timeout", None),
    (errors.BrokenOff("products", SECRET), 502, "upstream-broken-off", "http_response_incomplete", None),
    (errors.ServerFailed("products", 500), 502, "upstream-error", "destination_unavailable", None),
    (errors.BrokenContract("products", SECRET), 502, "contract-violation", "http_protocol_error", None),
    (errors.BulkheadRejected("products", SECRET), 503, "bulkhead-full", "connection_limit_reached", "1"),
    (errors.CircuitRejected("products", 3.2), 503, "circuit-open", "destination_unavailable", "4"),
]


def leaves(kind: type[errors.UpstreamError]) -> set[type[errors.UpstreamError]]:
    below = kind.__subclasses__()
    return set().union(*map(leaves, below)) if below else {kind}


def test_every_upstream_error_has_its_wording() -> None:
    assert set(WORDINGS) == leaves(errors.UpstreamError) == {type(failure[0]) for failure in FAILURES}


@pytest.mark.parametrize(("error", "status", "name", "proxy_error", "retry_after"), FAILURES)
def test_a_failure_is_worded_without_the_inside(
    error: errors.UpstreamError,
    status: int,
    name: str,
    proxy_error: str,
    retry_after: str | None,
    user: Client,
    services: Services,
) -> None:
    services.products.otherwise = error
    with capture_logs() as logs:
        response = send(user, "GET", PATH)
    assert (response.status_code, slug(response)) == (status, name)
    assert response["Proxy-Status"] == f"plaza; error={proxy_error}"
    assert response.get("Retry-After") == retry_after
    assert response["Cache-Control"] == "no-store"
    text = response.content.decode() + str(response.headers)
    assert not [word for word in ("10.1.2.3", "8002", "too much", "Traceback", "answered 500") if word in text]
    request = next(entry for entry in logs if entry["event"] == "request")
    assert (request["upstream"], request["upstream_error"]) == ("products", error.cause)


@pytest.mark.parametrize("status", [500, 501, 502, 503, 504, 599])
def test_a_services_5xx_is_a_502_whatever_it_says(status: int, user: Client, services: Services) -> None:
    services.products.otherwise = answer(status, {"detail": SECRET}, Retry_After="3600")
    response = send(user, "GET", PATH)
    assert (response.status_code, slug(response)) == (502, "upstream-error")
    assert "Retry-After" not in response
    assert SECRET not in response.content.decode()


def test_a_full_bulkhead_is_refused_without_a_call(user: Client, services: Services) -> None:
    with_places = upstream("products").bulkhead
    places = [with_places.entered() for _ in range(with_places.limit)]
    for place in places:
        place.__enter__()
    response = send(user, "GET", PATH)
    assert (response.status_code, slug(response), response["Retry-After"]) == (503, "bulkhead-full", "1")
    assert services.calls == []
    places[0].__exit__(None, None, None)
    services.products.otherwise = answer(500)
    assert slug(send(user, "GET", PATH)) == "upstream-error"


def open_the_circuit(client: Client, services: Services) -> None:
    services.products.otherwise = errors.TimedOut("products", "no answer")
    for _ in range(5):
        assert slug(send(client, "GET", PATH)) == "upstream-timeout"
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
    assert upstream("users").circuit.current_state == upstream("orders").circuit.current_state == "closed"


def test_an_open_circuit_still_checks_what_enters_first(user: Client, services: Services) -> None:
    open_the_circuit(user, services)
    assert send(user, "GET", f"{PATH}?colour=blue").status_code == 400
    assert send(user, "POST", "/api/products/", NEW_PRODUCT).status_code == 403


def test_a_transition_is_announced_with_what_led_to_it(
    user: Client, services: Services, transitions: list[Transition]
) -> None:
    with capture_logs() as logs:
        open_the_circuit(user, services)
    assert transitions == [Transition("products", "closed", "open", failed=5, total=5)]
    announced = next(entry for entry in logs if entry["event"] == "circuit")
    assert (announced["upstream"], announced["old"], announced["new"]) == ("products", "closed", "open")


def test_a_probe_that_is_answered_in_time_closes_the_circuit(
    user: Client, services: Services, transitions: list[Transition]
) -> None:
    open_the_circuit(user, services)
    upstream("products").circuit.half_open()
    services.products.otherwise = answer(200, PRODUCT)
    assert send(user, "GET", PATH).status_code == 200
    assert [(step.old, step.new) for step in transitions] == [
        ("closed", "open"),
        ("open", "half-open"),
        ("half-open", "closed"),
    ]


@pytest.mark.parametrize(
    "broken",
    [answer(200, {**PRODUCT, "stock": "many"}), answer(404, {"detail": "no problem"}), answer(302), answer(500)],
)
def test_broken_contracts_open_the_circuit_like_failures(broken: Answer, user: Client, services: Services) -> None:
    services.products.otherwise = broken
    for _ in range(5):
        assert send(user, "GET", PATH).status_code == 502
    assert send(user, "GET", PATH).status_code == 503


@pytest.mark.parametrize("status", [400, 401, 404, 409, 412])
def test_refusals_never_open_the_circuit(status: int, user: Client, services: Services) -> None:
    services.products.otherwise = problem(status)
    for _ in range(12):
        assert send(user, "GET", PATH).status_code in {status, 502}
    assert upstream("products").circuit.current_state == "closed"
    assert upstream("products").circuit.window.totals() == (0, 0)


def test_a_failed_read_is_tried_once_more_within_the_request(user: Client, services: Services) -> None:
    replies = iter([answer(503), answer(200, PRODUCT)])
    services.products.otherwise = lambda call: next(replies)
    assert send(user, "GET", PATH).status_code == 200
    assert len(services.products.calls) == 2
    assert upstream("products").retries == 1


def test_a_page_for_people_tells_of_a_failure_too(user: Client, services: Services) -> None:
    services.products.otherwise = errors.Unreachable("products", SECRET)
    response = user.get(PATH, headers=HTML)
    assert (response.status_code, response["Content-Type"]) == (502, "text/html; charset=utf-8")
    assert "/problems/upstream-unreachable" in response.content.decode()
    assert "10.1.2.3" not in response.content.decode()
