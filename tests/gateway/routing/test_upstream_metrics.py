"""What Prometheus is told of each upstream."""

import threading
from contextlib import suppress

import pytest
from django.test import Client
from prometheus_client import REGISTRY

from common.upstream import Answer, Call, Unreachable
from gateway_project.routing.upstreams import upstream
from tests.gateway.clients import send
from tests.gateway.examples import ORDER, ORDER_ID, PRODUCT, PRODUCT_ID
from tests.gateway.fakes import Services, answer

PATH = f"/api/products/{PRODUCT_ID}/"


def sample(name: str, service: str = "products") -> float:
    return REGISTRY.get_sample_value(name, {"upstream": service}) or 0.0


def test_a_circuit_is_told_from_the_beginning_and_at_each_transition(user: Client, services: Services) -> None:
    circuit = upstream("products").circuit
    assert REGISTRY.get_sample_value("plaza_circuit_state", {"upstream": "products"}) == 0
    services.products.otherwise = answer(500)
    for _ in range(5):
        send(user, "GET", PATH)
    assert sample("plaza_circuit_state") == 2
    circuit.half_open()
    assert sample("plaza_circuit_state") == 1
    circuit.close()
    assert sample("plaza_circuit_state") == 0
    upstream("orders")
    assert sample("plaza_circuit_state", "orders") == 0


@pytest.mark.parametrize("outcome", [answer(200, PRODUCT), Unreachable("products", "down"), RuntimeError("ours")])
def test_a_call_is_in_flight_until_it_ends_however_it_ends(outcome: Answer | Exception, services: Services) -> None:
    during: list[float] = []

    def reply(call: Call) -> Answer:
        during.append(sample("plaza_upstream_in_flight"))
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    services.products.otherwise = reply
    before = sample("plaza_upstream_in_flight")
    with suppress(Unreachable, RuntimeError):
        upstream("products").call(Call("GET", "/"), lambda got: got)
    assert set(during) == {before + 1}
    assert sample("plaza_upstream_in_flight") == before


def test_calls_of_several_threads_are_in_flight_together(services: Services) -> None:
    arrived = threading.Barrier(4)
    together: list[float] = []

    def reply(call: Call) -> Answer:
        arrived.wait(10)
        together.append(sample("plaza_upstream_in_flight"))
        arrived.wait(10)
        return answer(200, {})

    services.products.otherwise = reply
    before = sample("plaza_upstream_in_flight")
    service = upstream("products")
    threads = [threading.Thread(target=service.call, args=(Call("GET", "/"), lambda got: got)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert together == [before + 4] * 4
    assert sample("plaza_upstream_in_flight") == before


def test_a_call_refused_by_the_bulkhead_is_counted_and_is_no_attempt(user: Client) -> None:
    rejected, attempts = sample("plaza_bulkhead_rejected_total"), sample("plaza_upstream_seconds_count")
    bulkhead = upstream("products").bulkhead
    bulkhead.limit = 0
    assert send(user, "GET", PATH).status_code == 503
    assert sample("plaza_bulkhead_rejected_total") == rejected + 1
    assert sample("plaza_upstream_seconds_count") == attempts
    assert upstream("products").latency.read().calls == 0


def test_retries_are_counted_and_each_attempt_is_in_the_log(user: Client, services: Services) -> None:
    retries = sample("plaza_upstream_retries_total", "orders")
    replies = iter([answer(503), answer(200, ORDER)])
    services.orders.otherwise = lambda call: next(replies)
    send(user, "GET", f"/api/orders/{ORDER_ID}/")
    assert sample("plaza_upstream_retries_total", "orders") == retries + 1
    latency = upstream("orders").latency.read()
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
