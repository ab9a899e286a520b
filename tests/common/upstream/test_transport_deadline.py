"""Whatever the other side does, an exchange ends by its deadline. Each server here would go on for seconds."""

import threading
import time

import pytest

from common.resilience import Deadline, Policy
from common.upstream import Call, TimedOut, Transport, Unreachable
from tests.common.upstream.servers import Connection, Reply, Server, answers, drips, hangs, head, overrun
from tests.support.clock import Clock
from tests.support.plaza import eventually
from tests.support.threads import in_threads

PATIENT = Policy(deadline_s=10.0, connect_timeout_s=5.0, read_timeout_s=5.0)
GET = Call("GET", "/")
CHUNKED = head(200, {"Transfer-Encoding": "chunked"})
WHOLE = head(200, {"Content-Length": "20"})


def informs_without_end(connection: Connection) -> None:
    while True:
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


@pytest.mark.parametrize(
    "reply",
    [
        hangs(),
        hangs(after=b"HTTP/1.1 200"),
        hangs(after=WHOLE + b"12345"),
        hangs(after=CHUNKED + b"5\r\n12345\r\n"),
        drips(WHOLE + b"x" * 20),
        drips(b"x" * 20, after=WHOLE),
        drips(b"5\r\n12345\r\n5\r\n12345\r\n0\r\n\r\n", after=CHUNKED),
        drips(b"x" * 20, after=head(200, {})),
        drips(b"x" * 20, after=head(503, {"Content-Length": "20"})),
        informs_without_end,
    ],
    ids=[
        "silence",
        "half-a-status",
        "half-a-body",
        "half-the-chunks",
        "dripped-headers",
        "dripped-body",
        "dripped-chunks",
        "dripped-until-close",
        "dripped-error",
        "endless-100-continue",
    ],
)
def test_an_answer_that_takes_too_long_is_timed_out(reply: Reply) -> None:
    with Server(reply) as server, pytest.raises(TimedOut, match=r"^products: no whole answer in time$"):
        Transport("products", server.url, PATIENT).exchange(GET, Deadline.after(0.4))
    eventually(lambda: len(server.received) == 1)


def test_a_peer_that_does_not_read_is_timed_out() -> None:
    call = Call("POST", "/", body=b"x" * 20_000_000)
    with Server(hangs(), reads=False) as server, pytest.raises(TimedOut):
        Transport("products", server.url, PATIENT).exchange(call, Deadline.after(0.4))


def test_silence_longer_than_the_read_timeout_is_timed_out_before_the_deadline() -> None:
    deadline, policy = Deadline.after(30.0), Policy(deadline_s=30.0, read_timeout_s=0.1)
    with Server(hangs()) as server, pytest.raises(TimedOut):
        Transport("products", server.url, policy).exchange(GET, deadline)
    assert deadline.remaining_s() > 0


def test_a_large_call_may_be_answered_later() -> None:
    policy, large = Policy(deadline_s=30.0, read_timeout_s=0.1), Call("GET", "/", more_time_s=20.0)
    with Server(drips(b"x", after=head(200, {"Content-Length": "1"}), every_s=0.3)) as server:
        transport = Transport("products", server.url, policy)
        assert transport.exchange(large, Deadline.after(30.0)).body == b"x"
        with pytest.raises(TimedOut):
            transport.exchange(GET, Deadline.after(30.0))


def test_a_used_connection_obeys_the_deadline_of_the_call_at_hand() -> None:
    def slowly(connection: Connection) -> None:
        connection.pause(0.6)
        answers()(connection)

    with Server(answers(), slowly, hangs()) as server:
        transport = Transport("products", server.url, PATIENT)
        assert transport.exchange(GET, Deadline.after(0.4)).status == 200
        assert transport.exchange(GET, Deadline.after(9.0)).status == 200
        with pytest.raises(TimedOut):
            transport.exchange(GET, Deadline.after(0.4))
        assert server.connections == 1


def test_threads_that_share_a_transport_have_a_deadline_each() -> None:
    def when_both_are_here(connection: Connection) -> None:
        both.wait()
        connection.pause(0.6)
        answers()(connection)

    both = threading.Barrier(2, timeout=5)
    budgets = [0.4, 9.0]
    with Server(when_both_are_here) as server:
        transport = Transport("products", server.url, PATIENT)
        hasty, patient = sorted(
            in_threads(2, lambda: transport.exchange(GET, Deadline.after(budgets.pop()))),
            key=lambda outcome: not isinstance(outcome, Exception),
        )
    assert isinstance(hasty, TimedOut)
    assert patient.status == 200


def test_a_connection_that_hangs_is_given_up_by_the_deadline() -> None:
    deadline = Deadline.after(0.4)
    with overrun() as url, pytest.raises(Unreachable, match=r"^products: no connection in time$"):
        Transport("products", url, PATIENT).exchange(GET, deadline)
    assert time.monotonic() < deadline.expires_at + 3.0  # and not only after the connect timeout of 5 s


def test_whatever_ends_an_exchange_after_its_deadline_it_is_timed_out() -> None:
    clock = Clock()

    def resets_too_late(connection: Connection) -> None:
        clock.advance(5.0)
        connection.reset()

    with Server(resets_too_late) as server, pytest.raises(TimedOut):
        Transport("products", server.url, PATIENT).exchange(GET, Deadline.after(4.0, clock))
