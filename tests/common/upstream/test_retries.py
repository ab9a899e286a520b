"""The retry rules on real sockets."""

import time
from typing import Any

import pytest
from django.http import HttpRequest
from django.test import RequestFactory

from common.resilience import Deadline, Policy
from common.upstream import (
    BrokenOff,
    Call,
    CircuitRejected,
    ServerFailed,
    TimedOut,
    Unreachable,
    Upstream,
    UpstreamError,
    deadline_of,
)
from tests.common.upstream.servers import Reply, Server, answers, drips, hangs, head, refusing, resets, says

GET = Call("GET", "/products/")
POST = Call("POST", "/products/", body=b'{"a": 1}')
KEYED = Call("POST", "/products/", body=b'{"a": 1}', headers={"Idempotency-Key": "k"}, replay_safe=True)
BROKEN_MID_BODY = head(200, {"Content-Length": "10"}) + b"12345"


def upstream(url: str, **numbers: Any) -> Upstream:
    policy = Policy(**{"read_timeout_s": 0.3, "backoff_base_s": 0.01, **numbers})
    return Upstream("products", url, policy)


def status_of(upstream: Upstream, call: Call) -> int:
    return upstream.call(call, lambda answer: answer.status)


@pytest.mark.parametrize("call", [GET, KEYED])
@pytest.mark.parametrize("failure", [resets(), resets(BROKEN_MID_BODY), says(BROKEN_MID_BODY), answers(503)])
def test_what_may_be_repeated_is_after_a_passing_failure(call: Call, failure: Reply) -> None:
    with Server(failure, answers(201)) as server:
        assert status_of(upstream(server.url), call) == 201
    assert [(request.method, request.body) for request in server.received] == [(call.method, call.body or b"")] * 2


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (resets(), BrokenOff),
        (resets(BROKEN_MID_BODY), BrokenOff),
        (says(BROKEN_MID_BODY), BrokenOff),
        (answers(503), ServerFailed),
    ],
)
def test_a_post_without_a_key_is_sent_once(failure: Reply, kind: type[UpstreamError]) -> None:
    with Server(failure, answers(201)) as server, pytest.raises(kind):
        status_of(upstream(server.url), POST)
    assert len(server.received) == 1


def test_any_call_is_tried_twice_where_nobody_listens() -> None:
    with refusing() as url:
        products = upstream(url)
        for call in (GET, POST):
            with pytest.raises(Unreachable):
                status_of(products, call)
    assert products.retries == 2
    assert products.circuit.window.totals() == (4, 4)


DRIPPED = drips(b"x" * 20, after=head(200, {"Content-Length": "20"}))


@pytest.mark.parametrize(("slow", "call"), [(hangs(), GET), (hangs(), KEYED), (hangs(), POST), (DRIPPED, GET)])
def test_nothing_is_repeated_after_a_timeout(slow: Reply, call: Call) -> None:
    with Server(slow, answers()) as server, pytest.raises(TimedOut):
        status_of(upstream(server.url, deadline_s=0.5, slow_call_s=0.5, connect_timeout_s=0.5), call)
    assert len(server.received) == 1


def test_an_exhausted_budget_stops_the_repeating() -> None:
    with Server(answers(503)) as server:
        products = upstream(server.url, min_retries=2, consecutive_failures=100, min_calls=100)
        for _ in range(4):
            with pytest.raises(ServerFailed):
                status_of(products, GET)
    assert len(server.received) == 6


def test_an_open_circuit_leaves_the_service_alone() -> None:
    with Server(answers(500)) as server:
        products = upstream(server.url)
        for _ in range(5):
            with pytest.raises(ServerFailed):
                status_of(products, GET)
        while products.circuit.state == "closed":  # until the service was asked whether it is ready
            time.sleep(0.01)
        with pytest.raises(CircuitRejected):
            status_of(products, GET)
    assert [request.target for request in server.received].count("/products/") == 5


def test_the_second_attempt_is_told_of_less_time_than_the_first() -> None:
    def slow_failure(connection: Any) -> None:
        connection.pause(0.1)
        answers(503)(connection)

    with Server(slow_failure, answers()) as server:
        upstream(server.url).call(GET, lambda answer: None, Deadline.after(2.0))
    first, second = (int(request.headers["X-Plaza-Deadline-Ms"]) for request in server.received)
    assert 1000 < second <= first - 100 < 1800


def request_with(deadline_ms: str, **meta: Any) -> HttpRequest:
    request = RequestFactory().get("/", headers={"X-Plaza-Deadline-Ms": deadline_ms})
    request.META.update(meta)
    return request


def test_a_callers_deadline_is_read_from_its_header() -> None:
    deadline = deadline_of(request_with("60000"))
    assert deadline is not None
    assert 50 < deadline.remaining_s() <= 60
    passed = deadline_of(request_with("0"))
    assert passed is not None
    assert passed.remaining_s() == 0


def test_a_callers_deadline_begins_when_its_request_arrived() -> None:
    deadline = deadline_of(request_with("2500", **{"plaza.arrived_at": 1000.0}))
    assert deadline == Deadline(1002.5)


@pytest.mark.parametrize("value", ["", " ", "-5", "1.5", "1e3", "0x10", "²", "soon", "9" * 9, "9" * 5000])
def test_a_deadline_that_is_none_is_not_taken_for_one(value: str) -> None:
    assert deadline_of(request_with(value)) is None


def test_without_the_header_there_is_no_deadline() -> None:
    assert deadline_of(RequestFactory().get("/")) is None
