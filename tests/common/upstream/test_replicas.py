"""Several addresses behind one name: each has its turn, and one that fails costs few calls."""

import socket
from collections import Counter
from collections.abc import Callable

import pytest
import requests

from common.resilience import Deadline
from common.upstream.adapter import KeepAliveAdapter
from common.upstream.connection import MAX_IDLE_S, Patience
from common.upstream.replicas import LOOK_UP_EVERY_S, PASSED_OVER_S, Address, Replicas, look_up
from tests.common.upstream.servers import Server, answers, overrun, refusing, resets
from tests.support.clock import Clock

A, B, C = ("10.0.0.1", 80), ("10.0.0.2", 80), ("10.0.0.3", 80)


class Names:
    """A name server. Its answers can change; each question is counted."""

    def __init__(self, *addresses: Address) -> None:
        self.addresses = list(addresses)
        self.questions = 0
        self.fails = False

    def __call__(self, host: str, port: int) -> list[Address]:
        self.questions += 1
        if self.fails:
            raise socket.gaierror("no such name")
        return list(self.addresses)


def at_once(work: Callable[[], None]) -> None:
    work()


def replicas(names: Names, clock: Clock | None = None) -> Replicas:
    return Replicas("products", 80, resolve=names, spawn=at_once, clock=clock or Clock())


def firsts(of: Replicas, times: int) -> Counter[Address]:
    return Counter(of.in_turn()[0] for _ in range(times))


def test_each_has_its_turn_and_the_others_stand_by() -> None:
    shop = replicas(Names(A, B, C))
    assert firsts(shop, 30) == {A: 10, B: 10, C: 10}
    assert sorted(shop.in_turn()) == [A, B, C]


def test_an_address_is_never_looked_up() -> None:
    names = Names(A)
    assert Replicas("10.0.0.1", 80, resolve=names).in_turn() == [A]
    assert names.questions == 0


def test_a_name_is_looked_up_again_now_and_then_and_new_replicas_get_calls() -> None:
    names, clock = Names(A), Clock()
    shop = replicas(names, clock)
    firsts(shop, 10)
    assert names.questions == 1
    names.addresses = [B, C]
    clock.advance(LOOK_UP_EVERY_S)
    shop.in_turn()
    assert names.questions == 2
    assert firsts(shop, 10) == {B: 5, C: 5}


def test_no_call_waits_for_a_later_look_up() -> None:
    names, clock = Names(A), Clock()
    begun: list[Callable[[], None]] = []
    shop = Replicas("products", 80, resolve=names, spawn=begun.append, clock=clock)
    shop.in_turn()
    clock.advance(LOOK_UP_EVERY_S)
    assert [shop.in_turn() for _ in range(3)] == [[A], [A], [A]]
    assert (names.questions, len(begun)) == (1, 1)


def test_what_was_known_stays_while_the_name_server_fails() -> None:
    names, clock = Names(A, B), Clock()
    shop = replicas(names, clock)
    shop.in_turn()
    names.fails = True
    clock.advance(LOOK_UP_EVERY_S)
    assert firsts(shop, 10) == {A: 5, B: 5}


def test_a_name_that_nobody_knows_is_an_error_each_time() -> None:
    names = Names()
    names.fails = True
    shop = replicas(names)
    for _ in range(2):
        with pytest.raises(socket.gaierror):
            shop.in_turn()
    assert names.questions == 2


def test_one_without_connection_is_passed_over_for_a_while() -> None:
    clock = Clock()
    shop = replicas(Names(A, B), clock)
    shop.note_no_connection(A)
    assert firsts(shop, 10) == {B: 10}
    assert shop.in_turn() == [B, A]
    clock.advance(PASSED_OVER_S)
    assert firsts(shop, 10) == {A: 5, B: 5}


def test_one_failed_exchange_may_be_the_requests_doing_and_two_in_a_row_are_not() -> None:
    shop = replicas(Names(A, B))
    shop.note_failure(A)
    shop.note_success(A)
    shop.note_failure(A)
    assert firsts(shop, 10) == {A: 5, B: 5}
    shop.note_failure(A)
    assert firsts(shop, 10) == {B: 10}
    shop.note_success(A)
    assert firsts(shop, 10) == {A: 5, B: 5}


def test_if_all_fail_each_is_tried() -> None:
    shop = replicas(Names(A, B))
    for address in (A, B):
        shop.note_no_connection(address)
    assert firsts(shop, 10) == {A: 5, B: 5}


def test_what_is_gone_is_forgotten() -> None:
    names, clock = Names(A, B), Clock()
    shop = replicas(names, clock)
    shop.in_turn()
    shop.note_failure(A)
    shop.note_failure(A)
    names.addresses = [B, C]
    clock.advance(LOOK_UP_EVERY_S)
    shop.in_turn()
    assert (shop._failures, shop._passed_over_until) == ({}, {})


def test_this_machines_own_name_is_known() -> None:
    assert ("127.0.0.1", 80) in look_up("localhost", 80)


# With real sockets.


def address_of(url: str) -> Address:
    host, _, port = url.removeprefix("http://").partition(":")
    return host, int(port)


def adapter(*urls: str, clock: Clock | None = None) -> KeepAliveAdapter:
    shop = replicas(Names(*map(address_of, urls)), clock)
    return KeepAliveAdapter("http://products", max_idle=4, max_body_bytes=1000, replicas=shop)


def get(by: KeepAliveAdapter) -> int:
    request = requests.PreparedRequest()
    request.method, request.url, request.body = "GET", "http://products/", None
    request.headers = requests.structures.CaseInsensitiveDict()
    return by.send(request, Patience(0.2, 1.0, Deadline.after(3.0))).status_code


def test_kept_connections_do_not_stick_to_one_replica() -> None:
    with Server(answers()) as one, Server(answers()) as other:
        by = adapter(one.url, other.url)
        assert [get(by) for _ in range(10)] == [200] * 10
        assert (len(one.received), len(other.received)) == (5, 5)
        assert (one.connections, other.connections) == (1, 1)


def test_what_was_kept_to_a_replica_that_is_gone_is_closed() -> None:
    with Server(answers()) as one, Server(answers()) as other, Server(answers()) as third:
        names, clock = Names(address_of(one.url), address_of(other.url)), Clock()
        shop = replicas(names, clock)
        by = KeepAliveAdapter("http://products", max_idle=4, max_body_bytes=1000, replicas=shop)
        assert [get(by) for _ in range(2)] == [200] * 2
        names.addresses = [address_of(other.url), address_of(third.url)]
        clock.advance(LOOK_UP_EVERY_S)
        assert [get(by) for _ in range(4)] == [200] * 4
        assert set(by._idle) == {address_of(other.url), address_of(third.url)}


def test_what_is_too_old_to_be_used_again_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crowd leaves many connections, of which the quiet time after it uses only the last."""
    with Server(answers()) as one:
        by = adapter(one.url)
        get(by)
        [kept] = by._idle[address_of(one.url)]
        other = by._connect(address_of(one.url), Patience(0.2, 1.0, Deadline.after(3.0)))
        by._idle[address_of(one.url)].append(other)
        kept._used_at -= MAX_IDLE_S
        get(by)
        assert list(by._idle[address_of(one.url)]) == [other]
        assert kept._sock.fileno() == -1


@pytest.mark.parametrize("dead", [refusing, overrun])
def test_a_dead_replica_fails_no_call(dead: Callable[[], object]) -> None:
    with Server(answers()) as living, dead() as url:  # type: ignore[attr-defined]
        by = adapter(url, living.url)
        assert [get(by) for _ in range(6)] == [200] * 6


def test_a_replica_that_breaks_off_fails_two_calls_and_no_more() -> None:
    with Server(answers()) as living, Server(resets()) as broken:
        by = adapter(broken.url, living.url)
        failed = 0
        for _ in range(20):
            try:
                get(by)
            except requests.ConnectionError:
                failed += 1
        assert (failed, len(living.received)) == (2, 18)


def test_without_any_replica_nothing_is_sent() -> None:
    with refusing() as one, refusing() as other, pytest.raises(requests.ConnectionError):
        get(adapter(one, other))
