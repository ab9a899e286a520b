"""Many clients: who gets in, who has to leave for that, and how a server that ends loses none of them."""

import errno
import socket
from collections.abc import Callable
from ipaddress import ip_network

import pytest

from common.server.connections import counting
from common.server.limits import Limits
from tests.common.server.host import GET, Host, status_of
from tests.common.server.test_conversations import closed, problem_of

FEW = Limits(connections=3, connections_per_address=0, threads=1)


def test_one_too_many_gets_the_place_of_who_has_been_silent_for_longest(make_host: Callable[..., Host]) -> None:
    host = make_host(limits=FEW)
    before = closed("no-room")
    half = host.connect(b"GET / HTTP/1.1\r\n")
    host.clock.advance(1)
    silent = host.connect()
    host.clock.advance(1)
    kept = host.connect(GET)
    host.hear(kept)
    host.clock.advance(1)

    newcomers = [host.connect(GET) for _ in range(2)]
    assert [status_of(host.hear(newcomer)) for newcomer in newcomers] == [200, 200]
    assert (host.hear(half), host.hear(silent)) == (None, None)
    host.say(kept, GET)
    assert status_of(host.hear(kept)) == 200
    assert closed("no-room") == before + 2


def test_who_has_just_asked_keeps_the_place(make_host: Callable[..., Host]) -> None:
    host = make_host(limits=FEW)
    others = [host.connect() for _ in range(3)]
    others[0].sendall(GET)
    host.connect(GET)

    assert status_of(host.hear(others[0])) == 200
    assert host.hear(others[1]) is None


def test_nobody_has_to_leave_who_waits_for_an_answer(make_host: Callable[..., Host]) -> None:
    host = make_host(limits=FEW)
    host.workers.is_holding = True
    served = [host.connect(GET) for _ in range(3)]

    assert problem_of(host.hear(host.connect())) == (503, "/problems/too-many-connections")
    host.workers.release()
    assert [status_of(host.hear(client)) for client in served] == [200] * 3


def test_an_address_with_too_many_makes_room_itself(make_host: Callable[..., Host]) -> None:
    """Here 127.0.0.1 is a stranger, and nobody else is."""
    names = iter(["bystander", "stranger", "stranger", "stranger", None])
    limits = Limits(connections=9, connections_per_address=2, threads=1)
    host = make_host(limits=limits, counted_as=lambda address: next(names))
    bystander = host.connect()
    strangers = [host.connect() for _ in range(3)]
    uncounted = host.connect(GET)

    assert host.hear(strangers[0]) is None
    assert [host.hear(client) for client in strangers[1:]] == [b"", b""]
    assert status_of(host.hear(uncounted)) == 200
    host.say(bystander, GET)
    assert status_of(host.hear(bystander)) == 200


def test_an_address_that_left_may_come_again(make_host: Callable[..., Host]) -> None:
    limits = Limits(connections=9, connections_per_address=1, threads=1)
    host = make_host(limits=limits, counted_as=lambda address: address)
    before = closed("no-room")

    for _ in range(3):
        client = host.connect(GET)
        assert status_of(host.hear(client)) == 200
        client.close()
        host.turn()
    assert closed("no-room") == before
    assert not host.server._connections._of_address


def test_without_a_file_for_a_newcomer_someone_silent_is_closed(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    silent = host.connect()
    accept, failures = socket.socket.accept, iter([errno.ECONNABORTED, errno.EMFILE])

    def failing(listener: socket.socket) -> tuple[socket.socket, tuple[str, int]]:
        if number := next(failures, 0):
            raise OSError(number, "no")
        return accept(listener)

    monkeypatch.setattr(socket.socket, "accept", failing)
    client = host.connect(GET)
    assert host.hear(silent) is None
    assert status_of(host.hear(client)) == 200


def test_who_is_at_the_door_is_let_in_before_it_closes(host: Host) -> None:
    waiting = [socket.create_connection(host.listener.getsockname(), timeout=5) for _ in range(3)]
    host.server.stop_listening()

    for client in waiting:
        host.say(client, GET)
        assert status_of(host.hear(client)) == 200
        client.close()
    with pytest.raises(ConnectionRefusedError):
        host.connect()


def test_a_server_that_leaves_says_so_with_each_answer(host: Host) -> None:
    kept, busy = host.connect(GET), host.connect()
    host.hear(kept)
    host.workers.is_holding = True
    host.say(busy, GET)
    host.server.stop_listening()
    host.is_leaving = True
    host.say(kept, GET)
    host.workers.release()

    for client in (busy, kept):
        assert b"\r\nConnection: close\r\n" in (host.hear(client) or b"")
        assert host.hear(client) is None
    assert not host.server.is_busy


def test_at_last_it_closes_those_who_say_nothing_and_nobody_else(host: Host) -> None:
    silent, asking, half = host.connect(), host.connect(), host.connect(b"GET /")
    asking.sendall(GET)
    host.server.close_idle()

    assert host.hear(silent) is None
    assert status_of(host.hear(asking)) == 200
    host.say(half, b" HTTP/1.1\r\nHost: test\r\n\r\n")
    assert status_of(host.hear(half)) == 200


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("127.0.0.1", None),
        ("127.0.0.2", "127.0.0.2"),
        ("::1", None),
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::ffff:10.1.2.3", None),
        ("10.1.2.3", None),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("2001:db8:9::1", None),
    ],
)
def test_an_address_is_counted_as_whose_it_is(address: str, name: str | None) -> None:
    proxies = [ip_network("10.0.0.0/8"), ip_network("2001:db8:9::1")]
    assert counting(proxies)(address) == name
