import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from common.observability import tracing
from common.resilience import Deadline, Policy
from common.upstream import Answer, BrokenContract, BrokenOff, Call, TimedOut, Transport, Unreachable
from tests.common.upstream.servers import (
    Connection,
    Server,
    answers,
    answers_chunked,
    head,
    overrun,
    refusing,
    resets,
    says,
)
from tests.support.clock import Clock
from tests.support.threads import in_threads

POLICY = Policy(max_response_bytes=1000)
GET = Call("GET", "/products/")


def exchange(url: str, call: Call = GET, policy: Policy = POLICY) -> Answer:
    return Transport("products", url, policy).exchange(call, Deadline.after(policy.deadline_s))


@pytest.mark.parametrize("status", [200, 204, 304, 404, 409, 500, 503])
def test_an_answer_comes_back_whatever_its_status(status: int) -> None:
    body = b"" if status in {204, 304} else b'{"a": 1}'
    with Server(answers(status, body, {"ETag": '"x"'})) as server:
        answer = exchange(server.url)
    assert (answer.status, answer.body, answer.headers["etag"]) == (status, body, '"x"')


def test_a_chunked_answer_comes_back_whole() -> None:
    with Server(answers_chunked(b'{"a":', b" 1}")) as server:
        assert exchange(server.url).body == b'{"a": 1}'


@pytest.mark.parametrize("at_once", [True, False])
def test_what_is_said_before_the_answer_is_passed_over(at_once: bool) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\nETag: other\r\n\r\n"
    whole = head(200, {"Content-Length": "2", "ETag": "x"}) + b"{}"

    def reply(connection: Connection) -> None:
        for data in [interim + whole] if at_once else [interim, whole]:
            connection.send(data)

    with Server(reply) as server:
        transport = Transport("products", server.url, POLICY)
        for _ in range(2):
            answer = transport.exchange(GET, Deadline.after(3.0))
            assert (answer.status, answer.body, dict(answer.headers)) == (
                200,
                b"{}",
                {"Content-Length": "2", "ETag": "x"},
            )
        assert server.connections == 1


def test_an_answer_to_head_has_no_body_whatever_its_length_says() -> None:
    with Server(says(head(200, {"Content-Length": "5000"})), answers()) as server:
        assert exchange(server.url, Call("HEAD", "/")).headers["Content-Length"] == "5000"


@pytest.mark.parametrize(
    "extra", [b"x", b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nETag: y\r\n\r\nforged", b"HTTP/1.1 200 OK\r\nX: "]
)
@pytest.mark.parametrize("status", [200, 204, 304])
def test_what_comes_after_an_answer_is_no_answer_to_the_next_call(status: int, extra: bytes) -> None:
    body = b"" if status in {204, 304} else b"{}"
    whole = head(status, {"Content-Length": str(len(body))}) + body
    with Server(lambda connection: connection.send(whole + extra), answers(200, b"[]")) as server:
        transport = Transport("products", server.url, POLICY)
        first, second = (transport.exchange(GET, Deadline.after(3.0)) for _ in range(2))
        assert (first.status, first.body, dict(first.headers)) == (status, body, {"Content-Length": str(len(body))})
        assert (second.status, second.body, server.connections) == (200, b"[]", 2)


def test_a_header_that_is_given_twice_holds_both_values() -> None:
    with Server(says(b"HTTP/1.1 200 OK\r\nVary: a\r\nvary: b\r\nContent-Length: 0\r\n\r\n")) as server:
        assert exchange(server.url).headers["Vary"] == "a, b"


def test_a_path_of_the_base_url_stands_before_that_of_the_call() -> None:
    with Server(answers()) as server:
        exchange(f"{server.url}/shop/")
        exchange(server.url.replace("//", "//name:word@"))
        port = server.url.rpartition(":")[2]
    assert [request.target for request in server.received] == ["/shop/products/", "/products/"]
    assert [request.headers.get_all("Host") for request in server.received] == [[f"127.0.0.1:{port}"]] * 2


@pytest.mark.parametrize("value", ["a\r\nX-Staff: 1", "a\nX-Staff: 1", "a\rX-Staff: 1"])
def test_a_header_with_a_line_break_in_it_is_not_sent(value: str) -> None:
    with Server(answers()) as server, pytest.raises(ValueError, match="line break"):
        exchange(server.url, Call("GET", "/", headers={"If-Match": value}))
    assert (server.received, server.connections) == ([], 0)


def test_an_answer_that_ends_with_its_connection_is_whole() -> None:
    with Server(says(head(200, {}) + b'{"a": 1}')) as server:
        assert exchange(server.url).body == b'{"a": 1}'


def test_the_request_is_sent_as_it_was_made() -> None:
    call = Call("PUT", "/reservations/a%2Fb/", {"q": "ñ &", "page": 2}, b'{"a": 1}', {"Authorization": "Bearer x"})
    with Server(answers()) as server:
        exchange(f"{server.url}/", call)
    [request] = server.received
    assert (request.method, request.target) == ("PUT", "/reservations/a%2Fb/?q=%C3%B1+%26&page=2")
    assert request.body == b'{"a": 1}'
    assert request.headers.get_all("Authorization") == ["Bearer x"]
    assert request.headers.get_all("Content-Type") == ["application/json"]
    assert request.headers.get_all("Content-Length") == ["8"]
    assert request.headers.get_all("Accept") == ["application/json"]
    assert request.headers.get_all("Accept-Encoding") == ["identity"]


@pytest.mark.parametrize(("method", "length"), [("GET", None), ("HEAD", None), ("POST", "0"), ("DELETE", "0")])
def test_a_request_without_a_body_says_so_where_one_could_be(method: str, length: str | None) -> None:
    with Server(answers(204, b"")) as server:
        exchange(server.url, Call(method, "/"))
    [request] = server.received
    assert request.headers["Content-Length"] == length
    assert request.headers["Content-Type"] is None


def test_a_header_of_the_call_replaces_the_default_whatever_its_case() -> None:
    with Server(answers()) as server:
        exchange(server.url, Call("GET", "/", headers={"accept": "text/plain"}))
    assert server.received[0].headers.get_all("Accept") == ["text/plain"]


@pytest.mark.parametrize(("left_s", "handed_on"), [(3.0, "2800"), (0.5, "300"), (0.25, "50")])
def test_what_is_left_of_the_deadline_is_handed_on_less_a_hops_allowance(left_s: float, handed_on: str) -> None:
    with Server(answers()) as server:
        Transport("products", server.url, POLICY).exchange(GET, Deadline.after(left_s, Clock()))
    assert server.received[0].headers.get_all("X-Plaza-Deadline-Ms") == [handed_on]


@pytest.mark.parametrize("left_s", [0.2, 0.1, 0.0, -1.0])
def test_nothing_is_sent_when_too_little_is_left_to_hand_on(left_s: float) -> None:
    with Server(answers()) as server, pytest.raises(TimedOut):
        Transport("products", server.url, POLICY).exchange(GET, Deadline.after(left_s, Clock()))
    assert (server.received, server.connections) == ([], 0)


def test_the_trace_is_handed_on() -> None:
    trace = tracing.begin_trace("request-1", f"00-{'a' * 32}-{'b' * 16}-01")
    with Server(answers()) as server:
        exchange(server.url)
    headers = server.received[0].headers
    assert headers.get_all("X-Request-ID") == ["request-1"]
    assert headers.get_all("traceparent") == [f"00-{'a' * 32}-{trace.span_id}-01"]


def test_no_cookie_is_kept() -> None:
    with Server(answers(headers={"Set-Cookie": "session=someone; Path=/"})) as server:
        transport = Transport("products", server.url, POLICY)
        for _ in range(2):
            transport.exchange(GET, Deadline.after(3.0))
    assert [request.headers["Cookie"] for request in server.received] == [None, None]


def test_netrc_and_proxy_variables_are_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password else\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with Server(answers()) as server, Server(answers(502)) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert exchange(server.url).status == 200
        assert exchange(server.url, Call("GET", "/", headers={"Authorization": "Bearer x"})).status == 200
    assert [request.headers["Authorization"] for request in server.received] == [None, "Bearer x"]
    assert proxy.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_not_followed(status: int) -> None:
    with Server(answers()) as elsewhere:
        with Server(answers(status, b'{"moved": true}', {"Location": f"{elsewhere.url}/x"})) as server:
            answer = exchange(server.url, Call("POST", "/", body=b"{}"))
            assert (answer.status, answer.body) == (status, b'{"moved": true}')
            assert len(server.received) == 1
        assert elsewhere.connections == 0


def test_connections_are_used_again() -> None:
    with Server(answers()) as server:
        transport = Transport("products", server.url, POLICY)
        for _ in range(3):
            transport.exchange(GET, Deadline.after(3.0))
        assert (len(server.received), server.connections) == (3, 1)


def test_as_many_connections_are_kept_as_calls_may_be_in_flight() -> None:
    all_here = threading.Barrier(3, timeout=5)

    def when_all_are_here(connection: Connection) -> None:
        all_here.wait()
        answers()(connection)

    with Server(when_all_are_here) as server:
        transport = Transport("products", server.url, Policy(max_in_flight=3))
        for _ in range(2):
            outcomes = in_threads(3, lambda: transport.exchange(GET, Deadline.after(3.0)).status)
            assert outcomes == [200, 200, 200]
        assert (len(server.received), server.connections) == (6, 3)


def test_a_connection_that_was_idle_for_long_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(answers()) as server:
        transport = Transport("products", server.url, POLICY)
        transport.exchange(GET, Deadline.after(3.0))
        monkeypatch.setattr("common.upstream.connection.MAX_IDLE_S", 0.0)
        transport.exchange(GET, Deadline.after(3.0))
        assert server.connections == 2


@pytest.mark.parametrize("headers", [{"Connection": "close"}, {"Connection": "close", "Content-Length": "2"}])
def test_a_connection_that_the_service_wants_to_end_is_not_used_again(headers: dict[str, str]) -> None:
    with Server(answers(200, b"{}", headers), answers()) as server:
        transport = Transport("products", server.url, POLICY)
        for _ in range(2):
            transport.exchange(GET, Deadline.after(3.0))
        assert server.connections == 2


def test_what_was_answered_before_all_was_read_is_an_answer() -> None:
    def refuses(connection: Connection) -> None:
        connection.sock.recv(1000)
        connection.send(head(413, {"Content-Length": "2"}) + b"{}")
        connection.sock.shutdown(socket.SHUT_WR)
        while connection.sock.recv(1_000_000):
            pass

    with Server(refuses, reads=False) as server:
        assert exchange(server.url, Call("POST", "/", body=b"x" * 3_000_000)).status == 413


def test_a_connection_that_the_service_closed_meanwhile_is_not_used_again() -> None:
    closed = threading.Event()

    def answers_and_closes(connection: Connection) -> None:
        answers()(connection)
        connection.close()
        closed.set()

    with Server(answers_and_closes, answers()) as server:
        transport = Transport("products", server.url, POLICY)
        post = Call("POST", "/", body=b"{}")
        assert transport.exchange(post, Deadline.after(3.0)).status == 200
        assert closed.wait(5)
        assert transport.exchange(post, Deadline.after(3.0)).status == 200
        assert server.connections == 2


@pytest.mark.parametrize(
    ("body", "status"),
    [(answers(200, b"x" * 1000), 200), (answers_chunked(b"x" * 1000), 200), (answers(404, b"x" * 1000), 404)],
)
def test_a_body_as_large_as_allowed_is_read(body: Callable[..., None], status: int) -> None:
    with Server(body) as server:
        answer = exchange(server.url)
    assert (answer.status, answer.body) == (status, b"x" * 1000)


@pytest.mark.parametrize(
    "reply", [answers(200, b"x" * 1001), answers_chunked(*[b"x" * 500] * 3), answers(302, b"x" * 1001)]
)
def test_a_larger_body_breaks_the_contract(reply: Callable[..., None]) -> None:
    with Server(reply) as server, pytest.raises(BrokenContract, match=r"^products: an answer of more than 1000 bytes$"):
        exchange(server.url)


def test_a_connection_with_an_unread_rest_is_not_used_again() -> None:
    with Server(answers(200, b"x" * 5000), answers(200, b"{}")) as server:
        transport = Transport("products", server.url, POLICY)
        with pytest.raises(BrokenContract):
            transport.exchange(GET, Deadline.after(3.0))
        assert transport.exchange(GET, Deadline.after(3.0)).body == b"{}"
        assert server.connections == 2


@pytest.mark.parametrize(
    "reply",
    [
        says(head(101, {"Connection": "upgrade", "Upgrade": "tea"})),
        says(head(200, {"Content-Length": "2", "Transfer-Encoding": "chunked"}) + b"{}"),
        says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x"),
        resets(),
        resets(b"HTTP/1.1 200 OK\r\nContent-"),
        resets(head(200, {"Content-Length": "10"}) + b"12345"),
        resets(head(200, {"Content-Length": "10"})),
        says(b""),
        says(head(200, {"Content-Length": "10"}) + b"12345"),
        says(head(200, {"Content-Length": "10"})),
        says(head(200, {"Transfer-Encoding": "chunked"}) + b"a\r\n12345"),
        says(head(200, {"Transfer-Encoding": "chunked"}) + b"5\r\n12345\r\n"),
        says(head(200, {"Transfer-Encoding": "chunked"}) + b"five\r\n12345\r\n0\r\n\r\n"),
        says(b"SSH-2.0-OpenSSH_9.9\r\n"),
        says(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n"),
    ],
)
def test_an_answer_that_is_none_or_ends_early_is_broken_off(reply: Callable[..., None]) -> None:
    with Server(reply) as server, pytest.raises(BrokenOff, match=r"^products: the connection ended before the answer"):
        exchange(server.url)
    assert len(server.received) == 1


def test_a_refused_connection_is_unreachable() -> None:
    with refusing() as url, pytest.raises(Unreachable, match=r"^products: no connection$") as error:
        exchange(url)
    assert (error.value.upstream, error.value.cause) == ("products", "unreachable")
    assert "127.0.0.1" not in str(error.value)


def test_a_connection_that_takes_too_long_is_unreachable() -> None:
    with overrun() as url, pytest.raises(Unreachable, match=r"^products: no connection in time$"):
        exchange(url, policy=Policy(connect_timeout_s=0.1))


@pytest.mark.parametrize("url", ["http://plaza.invalid", "http://127.0.0.1:99999"])
def test_an_address_that_leads_nowhere_is_unreachable(url: str) -> None:
    with pytest.raises(Unreachable):
        exchange(url)


def test_what_the_caller_was_handling_does_not_change_what_is_reported() -> None:
    with refusing() as url, Server(resets()) as server:
        with pytest.raises(Unreachable):
            exchange(url)
        try:
            exchange(url)
        except Unreachable:
            with pytest.raises(BrokenOff):
                exchange(server.url)
        try:
            raise TimeoutError
        except TimeoutError:
            with pytest.raises(BrokenOff):
                exchange(server.url)


def test_a_call_may_be_repeated_if_it_is_safe_or_said_to_be() -> None:
    assert [Call(method, "/").may_repeat for method in ("GET", "HEAD", "OPTIONS")] == [True] * 3
    assert [Call(method, "/").may_repeat for method in ("POST", "PUT", "PATCH", "DELETE")] == [False] * 4
    assert Call("POST", "/", replay_safe=True).may_repeat is True
