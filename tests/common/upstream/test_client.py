"""The rules around an exchange, on a transport that does as it is told. On real sockets: `test_retries`."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from common.resilience import Deadline, Policy, Transition
from common.upstream import (
    Answer,
    BrokenContract,
    BrokenOff,
    BulkheadRejected,
    Call,
    CircuitRejected,
    NotCalled,
    Prober,
    ServerFailed,
    StorageFull,
    TimedOut,
    Unreachable,
    Upstream,
    UpstreamError,
)
from tests.support.clock import Clock
from tests.support.threads import HeldCall

GET = Call("GET", "/products/")
POST = Call("POST", "/products/", body=b"{}")
KEYED = Call("POST", "/products/", body=b"{}", replay_safe=True)
OK = Answer(200, {}, b'{"a": 1}')
UNREACHABLE, TIMED_OUT, BROKEN_OFF = (kind("products", "as told") for kind in (Unreachable, TimedOut, BrokenOff))

POOL = ThreadPoolExecutor(4)

Outcome = Answer | UpstreamError | Callable[[], Answer]


class ScriptedTransport:
    """Gives the n-th exchange the n-th of `outcomes`, the last one to all that follow."""

    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes = list(outcomes)
        self.exchanged: list[tuple[Call, Deadline]] = []

    def exchange(self, call: Call, deadline: Deadline) -> Answer:
        self.exchanged.append((call, deadline))
        outcome = self.outcomes[min(len(self.exchanged), len(self.outcomes)) - 1]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome() if callable(outcome) else outcome


class Products:
    """An upstream on a scripted transport, and all that it tells."""

    def __init__(self, *outcomes: Outcome, **policy: Any) -> None:
        self.clock = Clock()
        self.transport = ScriptedTransport(*outcomes)
        self.observed: list[tuple[float, UpstreamError | None]] = []
        self.probes: list[Any] = []
        self.transitions: list[Transition] = []
        self.pauses: list[float] = []
        self.upstream = Upstream(
            "products",
            "http://products.invalid",
            Policy(**policy),
            on_transition=self.transitions.append,
            observe=lambda *attempt: self.observed.append(attempt),
            transport=self.transport,  # type: ignore[arg-type]
            prober=Prober(self.transport, Policy(), spawn=self.probes.append),  # type: ignore[arg-type]
            clock=self.clock,
            sleep=self._sleep,
        )

    def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.clock.advance(seconds)

    def call(self, call: Call = GET, deadline: Deadline | None = None, caller: str = "ada") -> Any:
        return self.upstream.call(call, lambda answer: json.loads(answer.body), deadline, caller)

    def fails(self, call: Call = GET, caller: str = "ada") -> UpstreamError:
        with pytest.raises(UpstreamError) as caught:
            self.call(call, caller=caller)
        return caught.value

    def open_circuit(self) -> None:
        """As by a probe that found the service not ready."""
        assert self.upstream.circuit.awaits_probe
        self.upstream.circuit.judge(is_ready=False)

    @property
    def attempts(self) -> int:
        return len(self.transport.exchanged)


def wait_for_a_line(products: Products) -> None:
    while products.upstream.bulkhead.waiting == 0:
        time.sleep(0.001)


def answer(status: int) -> Answer:
    return Answer(status, {}, b"null")


def test_a_call_returns_what_its_check_makes_of_the_answer() -> None:
    products = Products(OK)
    assert products.call() == {"a": 1}
    assert products.transport.exchanged == [(GET, Deadline(1003.0, products.clock))]
    assert products.observed == [(0.0, None)]
    assert products.upstream.circuit.window.totals() == (1, 0)


def test_an_observer_is_told_of_each_attempt() -> None:
    def slowly() -> Answer:
        products.clock.advance(0.75)
        raise BROKEN_OFF

    products = Products(slowly, OK)
    products.call()
    assert products.observed == [(0.75, BROKEN_OFF), (0.0, None)]


def test_a_callers_deadline_shortens_the_policys_and_never_lengthens_it() -> None:
    products = Products(OK, deadline_s=3.0)
    products.call(deadline=Deadline.after(1.0, products.clock))
    products.call(deadline=Deadline.after(60.0, products.clock))
    assert [deadline.expires_at for _, deadline in products.transport.exchanged] == [1001.0, 1003.0]


def test_a_large_call_has_more_time_than_the_policy_says_but_no_more_than_its_caller() -> None:
    products, large = Products(OK, deadline_s=3.0), replace(GET, more_time_s=0.5)
    products.call(large)
    products.call(large, deadline=Deadline.after(60.0, products.clock))
    products.call(large, deadline=Deadline.after(1.0, products.clock))
    assert [deadline.expires_at for _, deadline in products.transport.exchanged] == [1003.5, 1003.5, 1001.0]


@pytest.mark.parametrize("status", [400, 401, 404, 409, 429])
def test_a_4xx_is_an_answer_and_says_nothing_of_the_service(status: int) -> None:
    products = Products(answer(status))
    for _ in range(20):
        assert products.call() is None
    assert products.upstream.circuit.window.totals() == (0, 0)
    assert products.upstream.circuit.state == "closed"


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
def test_a_5xx_is_a_failure_that_keeps_its_status(status: int) -> None:
    products = Products(answer(status), max_retries=0)
    error = products.fails()
    assert isinstance(error, ServerFailed)
    assert (error.status, str(error)) == (status, f"products: answered {status}")
    assert products.upstream.circuit.window.totals() == (1, 1)


def test_an_answer_that_breaks_the_contract_is_a_failure_and_not_repeated() -> None:
    def check(answer: Answer) -> None:
        raise BrokenContract("products", "no price")

    products = Products(OK)
    with pytest.raises(BrokenContract):
        products.upstream.call(GET, check)
    assert products.attempts == 1
    assert products.upstream.circuit.window.totals() == (1, 1)


def test_a_mistake_in_the_check_reaches_the_caller_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        Products(OK).upstream.call(GET, lambda answer: 1 / 0)


@pytest.mark.parametrize("error", [BROKEN_OFF, UNREACHABLE])
def test_a_safe_call_is_repeated_once(error: UpstreamError) -> None:
    products = Products(error, OK)
    assert products.call(GET) == {"a": 1}
    assert (products.attempts, products.upstream.retries, len(products.pauses)) == (2, 1, 1)
    assert products.upstream.circuit.window.totals() == (2, 1)
    products = Products(error)
    assert products.fails(GET) is error
    assert products.attempts == 2


@pytest.mark.parametrize("status", [502, 503, 504])
def test_what_may_pass_is_repeated_where_that_is_safe(status: int) -> None:
    for call, attempts in ((GET, 2), (KEYED, 2), (POST, 1)):
        products = Products(answer(status))
        products.fails(call)
        assert products.attempts == attempts


@pytest.mark.parametrize("status", [500, 501, 505])
def test_what_will_not_pass_is_not_repeated(status: int) -> None:
    products = Products(answer(status))
    products.fails(GET)
    assert products.attempts == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_once_bytes_were_sent_an_unsafe_call_is_not_repeated(method: str) -> None:
    products = Products(BROKEN_OFF, OK)
    assert products.fails(Call(method, "/")) is BROKEN_OFF
    assert (products.attempts, products.upstream.retries, products.pauses) == (1, 0, [])


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_any_call_is_repeated_when_no_connection_was_made(method: str) -> None:
    products = Products(UNREACHABLE, OK)
    assert products.call(Call(method, "/")) == {"a": 1}
    assert products.attempts == 2


@pytest.mark.parametrize("call", [GET, KEYED, POST])
def test_no_call_is_repeated_after_a_timeout(call: Call) -> None:
    products = Products(TIMED_OUT, OK)
    assert products.fails(call) is TIMED_OUT
    assert (products.attempts, products.pauses) == (1, [])


def test_it_is_repeated_as_often_as_the_policy_says_with_growing_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.upstream.client.backoff_s", lambda attempt, policy: 0.1 * 2**attempt)
    products = Products(BROKEN_OFF, max_retries=3)
    products.fails()
    assert (products.attempts, products.pauses) == (4, [0.1, 0.2, 0.4])


def test_an_exhausted_budget_stops_repeating() -> None:
    products = Products(UNREACHABLE, min_retries=2, consecutive_failures=100, min_calls=100)
    assert [products.fails() for _ in range(4)] == [UNREACHABLE] * 4
    assert (products.attempts, products.upstream.retries) == (6, 2)


def test_the_budget_grows_with_the_calls() -> None:
    products = Products(OK, OK, UNREACHABLE, OK, UNREACHABLE, min_retries=0, retry_ratio=0.25)
    for _ in range(3):
        assert products.call() == {"a": 1}
    assert products.fails() is UNREACHABLE
    assert (products.attempts, products.upstream.retries) == (5, 1)


def test_what_is_not_to_be_repeated_takes_nothing_from_the_budget() -> None:
    products = Products(TIMED_OUT, TIMED_OUT, UNREACHABLE, OK, min_retries=1, max_retries=1)
    assert products.fails() is TIMED_OUT
    assert products.fails() is TIMED_OUT
    assert products.call() == {"a": 1}


def test_it_is_not_repeated_when_the_pause_would_outlast_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.upstream.client.backoff_s", lambda attempt, policy: 0.5)

    def late() -> Answer:
        products.clock.advance(2.5)
        raise UNREACHABLE

    products = Products(late, deadline_s=3.0)
    assert products.fails() is UNREACHABLE
    assert (products.attempts, products.pauses) == (1, [])


def test_an_open_circuit_ends_the_repeating_too() -> None:
    products = Products(UNREACHABLE, consecutive_failures=1)
    products._sleep = lambda seconds: products.open_circuit()  # type: ignore[method-assign]
    products.upstream._sleep = products._sleep
    assert isinstance(products.fails(), CircuitRejected)
    assert products.attempts == 1


def test_an_open_circuit_answers_without_an_exchange_and_says_when_to_come_back() -> None:
    products = Products(BROKEN_OFF, max_retries=0, consecutive_failures=5, open_s=5.0)
    for _ in range(5):
        products.fails()
    products.open_circuit()
    products.clock.advance(2.0)
    error = products.fails()
    assert isinstance(error, CircuitRejected)
    assert (error.retry_after_s, error.cause, str(error)) == (3.0, "circuit_open", "products: the circuit is open")
    assert (products.attempts, len(products.observed)) == (5, 5)
    assert [(t.old, t.new, t.failed, t.total) for t in products.transitions] == [("closed", "open", 5, 5)]


def test_a_questionable_service_is_asked_whether_it_is_ready() -> None:
    products = Products(BROKEN_OFF, max_retries=0)
    for _ in range(4):
        products.fails()
    assert products.probes == []
    products.fails()
    assert len(products.probes) == 1


def test_a_lane_has_a_circuit_of_its_own_name() -> None:
    transport: Any = ScriptedTransport(OK)
    upstream = Upstream("products", "http://products.invalid", Policy(), lane="search", transport=transport)
    assert (upstream.name, upstream.lane, upstream.circuit.name) == ("products", "search", "products/search")


# What one request or one caller causes says nothing about the service.


def crawl(products: Products, seconds: float, ending: Outcome) -> Outcome:
    """An exchange that takes `seconds` and then ends as told."""

    def exchange() -> Answer:
        products.clock.advance(seconds)
        if isinstance(ending, Exception):
            raise ending
        assert isinstance(ending, Answer)
        return ending

    return exchange


def check_strictly(answer: Answer) -> Any:
    """As the gateway does: what is not an agreed problem breaks the contract, whatever its status."""
    if answer.body.startswith(b"<"):
        raise BrokenContract("products", "HTML")
    return json.loads(answer.body)


@pytest.mark.parametrize("status", [400, 404, 408, 413, 414, 431])
def test_a_4xx_in_html_is_neutral_though_it_breaks_the_contract(status: int) -> None:
    products = Products(Answer(status, {}, b"<html>"))
    for _ in range(20):
        with pytest.raises(BrokenContract):
            products.upstream.call(GET, check_strictly, caller="ada")
    assert products.upstream.circuit.window.totals() == (0, 0)


def test_a_timeout_of_a_caller_that_came_late_is_neutral() -> None:
    products = Products()
    products.transport.outcomes = [crawl(products, 0.75, TIMED_OUT)]
    for _ in range(20):
        products.fails()
    assert products.upstream.circuit.window.totals() == (0, 0)
    products.transport.outcomes = [crawl(products, 2.0, TIMED_OUT)]
    products.fails()
    assert products.upstream.circuit.window.totals() == (1, 1)


def test_a_full_disk_is_neutral_and_has_an_error_of_its_own() -> None:
    products = Products(Answer(503, {}, b'{"type": "/problems/storage"}'))
    for _ in range(20):
        assert isinstance(products.fails(POST), StorageFull)
    assert (products.attempts, products.upstream.circuit.window.totals()) == (20, (0, 0))


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"type": 1}', b'{"type": "/problems/other"}', b"[" * 100_000])
def test_any_other_503_is_a_failure(body: bytes) -> None:
    products = Products(Answer(503, {}, body), max_retries=0)
    assert isinstance(products.fails(), ServerFailed)
    assert products.upstream.circuit.window.totals() == (1, 1)


@pytest.mark.parametrize("ending", [BROKEN_OFF, UNREACHABLE, Answer(500, {}, b"")])
def test_whatever_fails_for_one_caller_alone_opens_nothing_for_others(ending: Outcome) -> None:
    products = Products(ending, max_retries=0)
    for _ in range(50):
        products.fails(caller="eve")
    assert products.upstream.circuit.state == "closed"
    products.transport.outcomes = [OK]
    assert products.call(caller="ada") == {"a": 1}


def test_slow_answers_to_one_caller_open_nothing_for_others() -> None:
    products = Products()
    products.transport.outcomes = [crawl(products, 1.75, OK)]
    for _ in range(50):
        products.call(caller="eve")
    products.transport.outcomes = [OK]
    assert products.call(caller="ada") == {"a": 1}


def test_one_broken_row_opens_nothing_however_many_look_at_it() -> None:
    products = Products(Answer(200, {}, b"<html>"))
    for number in range(50):
        with pytest.raises(BrokenContract):
            products.upstream.call(GET, check_strictly, caller=f"customer {number}")
    assert products.upstream.circuit.state == "closed"


def test_a_service_that_breaks_every_contract_is_cut_off() -> None:
    products = Products(Answer(200, {}, b"<html>"))
    for number in range(10):
        with pytest.raises(BrokenContract):
            products.upstream.call(Call("GET", f"/products/{number}/"), check_strictly, caller="ada")
    assert products.upstream.circuit.state == "open"


def test_a_service_that_fails_for_everybody_is_cut_off_without_a_probe() -> None:
    products = Products(Answer(500, {}, b""), max_retries=0)
    for number in range(10):
        products.fails(caller=f"customer {number}")
    assert products.upstream.circuit.state == "open"


def test_a_call_for_which_too_little_time_is_left_says_nothing_of_the_service() -> None:
    products = Products(OK)
    for left_s in (0.2, 0.1, 0.0, -1.0) * 5:
        with pytest.raises(TimedOut):
            products.call(deadline=Deadline.after(left_s, products.clock))
    assert products.attempts == 0
    assert products.upstream.circuit.window.totals() == (0, 0)
    assert products.call() == {"a": 1}


def test_a_call_beyond_the_bulkhead_waits_and_is_then_made() -> None:
    products = Products(OK, max_in_flight=1)
    held = HeldCall(lambda work: products.upstream.call(GET, lambda answer: work(), caller="ada"))
    waiting = POOL.submit(lambda: products.call(caller="bob"))
    wait_for_a_line(products)
    assert products.attempts == 1
    held.end(lambda: None)
    assert waiting.result(10) == {"a": 1}
    assert products.upstream.circuit.window.totals() == (2, 0)


def test_a_call_beyond_the_waiting_room_is_refused_at_once() -> None:
    products = Products(OK, max_in_flight=1, max_waiting=0)
    held = HeldCall(lambda work: products.upstream.call(GET, lambda answer: work(), caller="ada"))
    error = products.fails(caller="bob")
    assert isinstance(error, BulkheadRejected)
    assert isinstance(error, NotCalled)
    assert (error.cause, error.retry_after_s) == ("bulkhead_full", 1.0)
    assert (products.attempts, products.upstream.bulkhead.in_flight) == (1, 1)
    assert products.upstream.circuit.window.totals() == (0, 0)
    held.end(lambda: None)
    assert products.call() == {"a": 1}


def test_a_place_that_comes_too_late_to_be_used_is_not_waited_for() -> None:
    products = Products(OK, max_in_flight=1)
    held = HeldCall(lambda work: products.upstream.call(GET, lambda answer: work(), caller="ada"))
    with pytest.raises(BulkheadRejected):  # not a time-out, which would say that products was too slow
        products.call(caller="bob", deadline=Deadline.after(0.2, products.clock))
    held.end(lambda: None)


def test_time_in_our_own_line_is_no_slow_call() -> None:
    products = Products(OK, max_in_flight=1)
    held = HeldCall(lambda work: products.upstream.call(GET, lambda answer: work(), caller="ada"))
    waiting = POOL.submit(lambda: products.call(caller="bob", deadline=Deadline.after(60.0)))
    wait_for_a_line(products)
    products.clock.advance(1.25)
    held.end(lambda: None)
    waiting.result(10)
    assert products.observed[-1] == (0.0, None)
    assert products.upstream.circuit.window.totals() == (2, 0)


def test_a_place_in_the_bulkhead_is_given_back_whatever_happens() -> None:
    products = Products(TIMED_OUT, max_in_flight=1, consecutive_failures=100, min_calls=100)
    for _ in range(3):
        assert products.fails() is TIMED_OUT
    assert products.upstream.bulkhead.in_flight == 0


def test_an_observer_is_optional() -> None:
    transport: Any = ScriptedTransport(OK)
    upstream = Upstream("products", "http://products.invalid", Policy(), transport=transport)
    assert upstream.call(GET, lambda answer: answer.status) == 200
