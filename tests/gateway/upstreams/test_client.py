"""The clients of the process, against a real server where a socket matters; and what Prometheus is told of them."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import UUID

import jwt
import pytest
from django.test import Client
from django.urls import resolve
from prometheus_client import REGISTRY
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from common.identity import LIFETIME_S, read_token
from common.resilience import Deadline, Policy
from common.upstream import Answer, BrokenContract, Call, Transport, Unreachable
from gateway_project import settings as shipped
from gateway_project.schemas.users import Account, CredentialsVerdict
from gateway_project.upstreams.client import MonitoredUpstream, ask, issuer, signed, upstream
from tests.gateway.clients import send, slug
from tests.gateway.fakes import Services, answer, problem
from tests.support.examples import ACCOUNT, NEW_ORDER, ORDER, ORDER_ID, PRODUCT, PRODUCT_ID, USER_ID, page

PATH = f"/api/products/{PRODUCT_ID}/"
ACCOUNT_PATH = f"/accounts/{USER_ID}/"


def accounts() -> MonitoredUpstream:
    return upstream("users", "accounts")


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


@pytest.mark.parametrize("name", ["users", "products", "orders"])
def test_a_token_is_valid_at_one_service_only(name: str, settings: Any) -> None:
    token = issuer(name).issue(UUID(USER_ID), is_staff=True)
    caller = read_token(token, name, {"gateway": settings.UPSTREAMS[name]["key"]})
    assert (caller.service, str(caller.user_id), caller.is_staff) == ("gateway", USER_ID, True)
    for other in {"users", "products", "orders"} - {name}:
        with pytest.raises(jwt.InvalidTokenError):
            read_token(token, other, {"gateway": settings.UPSTREAMS[other]["key"]})
        with pytest.raises(jwt.InvalidTokenError):
            read_token(token, other, {"gateway": settings.UPSTREAMS[name]["key"]})


def test_each_pair_has_a_key_of_its_own_and_none_is_the_clients(settings: Any) -> None:
    keys = [config["key"] for config in settings.UPSTREAMS.values()]
    assert len({*keys, settings.SECRET_KEY, settings.JWT_KEYS}) == len(keys) + 2


def test_a_client_is_made_once_a_service() -> None:
    assert upstream("users", "accounts") is upstream("users", "accounts")
    assert upstream("users", "accounts") is not upstream("orders", "orders")


def test_a_call_on_a_users_behalf_keeps_its_own_headers_and_gains_the_token(services: Services) -> None:
    call = Call("GET", "/orders/", {"page_size": "5"}, None, {"If-Match": "x", "Authorization": "Bearer theirs"}, True)
    sent = signed(call, "orders", UUID(USER_ID), is_staff=True)
    claims = services.orders.claims(sent)
    assert (claims["sub"], claims["is_staff"]) == (USER_ID, True)
    assert (sent.headers or {})["If-Match"] == "x"
    assert replace(sent, headers=call.headers) == call


def test_the_gateways_own_question_is_nobodys(services: Services) -> None:
    services.users.otherwise = answer(200, ACCOUNT)
    account = ask(accounts(), "GET", ACCOUNT_PATH, Account, caller="ada")
    assert (str(account.id), account.password_version) == (USER_ID, 1)
    assert "sub" not in services.users.claims()
    assert services.users.claims()["is_staff"] is False
    assert services.users.last.body is None


def test_a_question_with_a_body_is_asked_with_it(services: Services) -> None:
    services.users.otherwise = answer(200, {"user": None})
    verdict = ask(
        upstream("users", "credentials"),
        "POST",
        "/credentials/",
        CredentialsVerdict,
        {"username": "ada", "password": "x"},
        caller="192.0.2.7",
    )
    assert verdict.user is None
    assert services.users.last_body == {"username": "ada", "password": "x"}
    assert services.users.last.may_repeat is False


def test_a_question_about_nothing_is_none(services: Services) -> None:
    services.users.otherwise = problem(404)
    assert ask(accounts(), "GET", ACCOUNT_PATH, Account, caller="ada") is None


@pytest.mark.parametrize("got", [answer(201, ACCOUNT), problem(400), problem(401), problem(403), answer(200, {})])
def test_another_answer_to_a_question_breaks_the_contract(got: Answer, services: Services) -> None:
    services.users.otherwise = got
    with pytest.raises(BrokenContract):
        ask(accounts(), "GET", ACCOUNT_PATH, Account, caller="ada")


def test_attempts_and_failures_are_counted_by_cause(user: Client, services: Services) -> None:
    attempts = sample("plaza_upstream_seconds_count", upstream="products/catalogue")
    failures = sample("plaza_upstream_failures_total", upstream="products/catalogue", cause="broken_contract")
    services.products.otherwise = answer(200, PRODUCT)
    send(user, "GET", PATH)
    services.products.otherwise = answer(200, {})
    send(user, "GET", PATH)
    assert sample("plaza_upstream_seconds_count", upstream="products/catalogue") == attempts + 2
    assert (
        sample("plaza_upstream_failures_total", upstream="products/catalogue", cause="broken_contract") == failures + 1
    )


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch, settings: Any, httpserver: HTTPServer) -> HTTPServer:
    """A server in the place of all three services, and the gateway's real transport."""
    monkeypatch.setattr("common.upstream.client.Transport", Transport)
    monkeypatch.setattr("gateway_project.upstreams.client.Transport", Transport)
    at(settings, httpserver.url_for(""))
    return httpserver


def at(settings: Any, url: str, policy: Policy | None = None) -> None:
    settings.UPSTREAMS = {
        name: {**config, "url": url, "lanes": {lane: policy or own for lane, own in config["lanes"].items()}}
        for name, config in settings.UPSTREAMS.items()
    }


def test_a_request_crosses_a_real_socket_and_its_answer_comes_back(
    user: Client, real: HTTPServer, settings: Any
) -> None:
    seen: list[Request] = []

    def handler(request: Request) -> Response:
        seen.append(request)
        headers = {"ETag": '"v1"', "Set-Cookie": "sid=1", "Location": f"/orders/{ORDER['id']}/"}
        return Response(json.dumps(ORDER), 201, headers, content_type="application/json")

    at(settings, real.url_for(""), shipped.UPSTREAMS["orders"]["lanes"]["orders"])
    real.expect_request("/orders/", method="POST").respond_with_handler(handler)
    headers = {"Idempotency_Key": "key-1", "X_Request_ID": "abc", "Cookie": "a=b", "X_User_Id": "1"}
    response = send(user, "POST", "/api/orders/", NEW_ORDER, **headers)
    assert (response.status_code, response.json(), response["ETag"]) == (201, ORDER, '"v1"')
    assert "Set-Cookie" not in response
    assert seen[0].get_json() == NEW_ORDER
    sent = dict(seen[0].headers)
    token = sent.pop("Authorization").removeprefix("Bearer ")
    assert read_token(token, "orders", {"gateway": settings.UPSTREAMS["orders"]["key"]}).service == "gateway"
    assert jwt.decode(token, options={"verify_signature": False})["exp"] - LIFETIME_S > 0
    assert int(sent.pop("X-Plaza-Deadline-Ms")) <= 2800
    assert sent.pop("Traceparent").startswith("00-")
    del sent["Host"], sent["Content-Length"]
    assert sent == {
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "Content-Type": "application/json",
        "Idempotency-Key": "key-1",
        "X-Request-Id": "abc",
    }


def test_query_values_are_encoded_for_the_service(user: Client, real: HTTPServer) -> None:
    seen: list[str] = []

    def handler(request: Request) -> Response:
        seen.append(request.args["search"])
        return Response('{"next": null, "previous": null, "results": []}', content_type="application/json")

    real.expect_request("/products/").respond_with_handler(handler)
    wanted = "a&page_size=1#é 50% +?/"
    assert user.get("/api/products/", {"search": wanted}).status_code == 200
    assert seen == [wanted]


REQUEST_LINE = 4094  # more is a 400 without a problem in it, so a broken contract, so a client's way to open a circuit


@pytest.mark.parametrize("path", ["/api/products/", "/api/categories/", "/api/users/", "/api/orders/"])
def test_the_longest_query_that_is_let_in_is_not_too_long_for_a_service(
    path: str, staff: Client, real: HTTPServer
) -> None:
    real.expect_request(path.removeprefix("/api")).respond_with_json(page())
    longest = {
        "cursor": ":" * 1000,
        "page_size": "100",
        "search": "\U0001f600" * (150 if path == "/api/users/" else 200),
        "category": "a" * 60,
        "min_price": "9999999999.99",
        "max_price": "9999999999.99",
        "in_stock": "false",
        "ordering": "-created_at",
        "is_staff": "false",
        "is_active": "false",
        "status": "delivered",
        "created_after": "2026-03-04T05:06:07.080910+00:00",
        "created_before": "2026-03-04T05:06:07.080910+00:00",
        "user_id": USER_ID,
    }
    known = set(resolve(path).func.initkwargs["route"].operations["GET"].query().fields)  # type: ignore[attr-defined]
    response = staff.get(path, {name: value for name, value in longest.items() if name in known})
    assert response.status_code == 200
    [(request, _)] = real.log
    assert set(request.args) == known
    assert len(f"GET {request.path}?{request.query_string.decode()} HTTP/1.1\r\n") <= REQUEST_LINE


def test_a_redirect_is_not_followed(user: Client, real: HTTPServer) -> None:
    real.expect_request(f"/products/{PRODUCT_ID}/").respond_with_data("", 302, {"Location": real.url_for("/elsewhere")})
    elsewhere = real.expect_request("/elsewhere")
    elsewhere.respond_with_json(PRODUCT)
    assert slug(send(user, "GET", PATH)) == "contract-violation"
    assert len(real.log) == 1


def test_a_closed_port_is_unreachable(user: Client, real: HTTPServer, settings: Any) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        at(settings, f"http://127.0.0.1:{unused.getsockname()[1]}")
        response = send(user, "GET", PATH)
    assert (response.status_code, slug(response)) == (502, "upstream-unreachable")
    assert "127.0.0.1" not in response.content.decode()


@pytest.fixture
def mute(real: HTTPServer, settings: Any) -> Iterator[list[socket.socket]]:
    """A server that takes connections and never says a word, under a policy of a blink."""
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def take() -> None:
            while True:
                try:
                    taken.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=take, daemon=True).start()
        policy = Policy(deadline_s=0.4, connect_timeout_s=0.1, read_timeout_s=0.1, slow_call_s=0.4)
        at(settings, f"http://127.0.0.1:{server.getsockname()[1]}", policy)
        yield taken
        server.shutdown(socket.SHUT_RDWR)
    for connection in taken:
        connection.close()


def test_a_mute_service_times_out_and_is_not_asked_twice(user: Client, mute: list[socket.socket]) -> None:
    response = send(user, "GET", PATH)
    assert (response.status_code, slug(response)) == (504, "upstream-timeout")
    assert len(mute) == 1


def test_a_circuit_is_told_from_the_beginning_and_at_each_transition(user: Client, services: Services) -> None:
    circuit = upstream("products", "catalogue").circuit
    assert REGISTRY.get_sample_value("plaza_circuit_state", {"upstream": "products/catalogue"}) == 0
    services.products.otherwise = answer(500)
    services.products.is_ready = False
    for _ in range(5):
        send(user, "GET", PATH)
    assert sample("plaza_circuit_state", upstream="products/catalogue") == 2
    circuit.close()
    assert sample("plaza_circuit_state", upstream="products/catalogue") == 0
    upstream("orders", "orders")
    assert sample("plaza_circuit_state", upstream="orders") == 0


@pytest.mark.parametrize("outcome", [answer(200, PRODUCT), Unreachable("products", "down"), RuntimeError("ours")])
def test_a_call_is_in_flight_until_it_ends_however_it_ends(outcome: Answer | Exception, services: Services) -> None:
    during: list[float] = []

    def reply(call: Call) -> Answer:
        during.append(sample("plaza_upstream_in_flight", upstream="products/catalogue"))
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    services.products.otherwise = reply
    before = sample("plaza_upstream_in_flight", upstream="products/catalogue")
    with suppress(Unreachable, RuntimeError):
        upstream("products", "catalogue").call(Call("GET", "/"), lambda got: got)
    assert set(during) == {before + 1}
    assert sample("plaza_upstream_in_flight", upstream="products/catalogue") == before


def test_calls_of_several_threads_are_in_flight_together(services: Services) -> None:
    arrived = threading.Barrier(4)
    together: list[float] = []

    def reply(call: Call) -> Answer:
        arrived.wait(10)
        together.append(sample("plaza_upstream_in_flight", upstream="products/catalogue"))
        arrived.wait(10)
        return answer(200, {})

    services.products.otherwise = reply
    before = sample("plaza_upstream_in_flight", upstream="products/catalogue")
    service = upstream("products", "catalogue")
    threads = [
        threading.Thread(target=service.call, args=(Call("GET", "/"), lambda got: got, None, number))
        for number in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert together == [before + 4] * 4
    assert sample("plaza_upstream_in_flight", upstream="products/catalogue") == before


def test_a_call_refused_by_the_bulkhead_is_counted_and_is_no_attempt(user: Client) -> None:
    rejected, attempts = (
        sample("plaza_bulkhead_rejected_total", upstream="products/catalogue"),
        sample("plaza_upstream_seconds_count", upstream="products/catalogue"),
    )
    bulkhead = upstream("products", "catalogue").bulkhead
    bulkhead.limit, bulkhead.max_waiting = 1, 0
    with bulkhead.entered("another", Deadline.after(60)):
        assert send(user, "GET", PATH).status_code == 503
    assert sample("plaza_bulkhead_rejected_total", upstream="products/catalogue") == rejected + 1
    assert sample("plaza_upstream_seconds_count", upstream="products/catalogue") == attempts
    assert upstream("products", "catalogue").latency.read().calls == 0


def test_retries_are_counted_and_each_attempt_is_in_the_log(user: Client, services: Services) -> None:
    retries = sample("plaza_upstream_retries_total", upstream="orders")
    replies = iter([answer(503), answer(200, ORDER)])
    services.orders.otherwise = lambda call: next(replies)
    send(user, "GET", f"/api/orders/{ORDER_ID}/")
    assert sample("plaza_upstream_retries_total", upstream="orders") == retries + 1
    latency = upstream("orders", "orders").latency.read()
    assert (latency.calls, latency.failures) == (2, 1)


def test_what_is_cached_is_told_apart_from_what_was_fetched_and_from_what_is_stale(
    user: Client, services: Services
) -> None:
    def lookups(result: str) -> float:
        return REGISTRY.get_sample_value("plaza_cache_total", {"service": "products", "result": result}) or 0.0

    before = {result: lookups(result) for result in ("miss", "hit", "stale")}
    public = {"Cache_Control": "public, max-age=60, stale-if-error=60"}
    services.products.otherwise = answer(200, PRODUCT, **public)
    send(user, "GET", PATH)
    send(user, "GET", PATH)
    services.orders.otherwise = answer(404, {})
    send(user, "POST", f"/api/orders/{ORDER_ID}/cancel/")  # makes it old
    services.products.otherwise = answer(500)
    assert send(user, "GET", PATH).status_code == 200
    assert {result: lookups(result) - before[result] for result in before} == {"miss": 1, "hit": 1, "stale": 1}
