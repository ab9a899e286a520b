from collections.abc import Iterator
from itertools import pairwise

import pytest
from gunicorn.config import Config
from gunicorn.http import errors
from hypothesis import given, strategies as st

from common.server.framing import MAX_HEAD_BYTES, SINGULAR, ChunkScan, RequestReader, Settings, Stage, WholeRequest

MAX_BODY_BYTES = 100
HEAD = b"POST /a?b=c HTTP/1.1\r\nHost: test\r\n"


def reader() -> RequestReader:
    return RequestReader(Settings(Config()), ("127.0.0.1", 1), MAX_BODY_BYTES)


def chunked(body: bytes, cuts: list[int]) -> bytes:
    places = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    chunks = [body[start:end] for start, end in pairwise(places)]
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks if chunk) + b"0\r\n\r\n"


BODIES = st.binary(max_size=MAX_BODY_BYTES)
PLAIN = BODIES.map(lambda body: (HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(body), body), body))
IN_CHUNKS = st.builds(
    lambda body, cuts: (HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(body, cuts), body),
    BODIES,
    st.lists(st.integers(0, 1000), max_size=4),
)
WITHOUT = st.just((b"\r\nGET / HTTP/1.1\r\n\r\n", b""))


def pieces(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return (data[start:end] for start, end in pairwise(places))


def fed(data: bytes, cuts: list[int]) -> list[WholeRequest]:
    reading, requests = reader(), []
    for piece in pieces(data, cuts):
        reading.feed(piece)
        while (request := reading.take()) is not None:
            requests.append(request)
    assert (reading.stage, reading.held_bytes) == (Stage.NOTHING, 0)
    return requests


@given(
    st.lists(st.one_of(PLAIN, IN_CHUNKS, WITHOUT), max_size=4),
    st.lists(st.integers(0, 10_000), max_size=6),
)
def test_requests_are_the_same_however_their_bytes_come(sent: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    requests = fed(b"".join(data for data, _ in sent), cuts)

    assert [request.body for request in requests] == [body for _, body in sent]


def test_a_request_is_taken_once_its_last_byte_is_there() -> None:
    reading = reader()
    head = HEAD + b"Content-Length: 2\r\n\r\n"
    stages = [Stage.HEAD] * (len(head) - 1) + [Stage.BODY] * 2

    data = head + b"ab"
    for number, stage in enumerate(stages):
        reading.feed(data[number : number + 1])
        assert reading.take() is None
        assert reading.stage is stage, number
    reading.feed(data[len(stages) :])
    request = reading.take()
    assert request is not None
    assert (request.body, request.chunked_length, request.message.path) == (b"ab", None, "/a")


@pytest.mark.parametrize(
    "start",
    [
        b"GET / HTTP/1.1\n",
        b"GET / HTTP/1.1\r\nX: a\n",
        b"GET /" + b"a" * 4092,
        (HEAD + b"X: a\r\n" * 11_000)[: MAX_HEAD_BYTES + 1],
        (HEAD + b"X: " + b"a" * MAX_HEAD_BYTES)[: MAX_HEAD_BYTES + 1],
    ],
    ids=lambda start: repr(start[:50]),
)
def test_a_head_that_can_only_get_worse_is_not_waited_for(start: bytes) -> None:
    reading = reader()
    reading.feed(start[:-1])
    assert reading.take() is None

    reading.feed(start[-1:])
    with pytest.raises(
        (errors.InvalidRequestLine, errors.InvalidHeader, errors.LimitRequestLine, errors.LimitRequestHeaders)
    ):
        reading.take()


@given(st.lists(st.integers(0, 5000), max_size=6))
def test_a_line_feed_is_only_good_behind_a_carriage_return_wherever_they_are_cut(cuts: list[int]) -> None:
    assert len(fed(HEAD + b"\r\n", cuts)) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"zz\r\n",
        b"-1\r\n",
        b"0x5\r\nabcde\r\n0\r\n\r\n",
        b"1_0\r\n",
        b"\r\n",
        b"2\r\nabc\r\n",
        b"1\r\na\r\n0\r\nno colon\r\n\r\n",
        b"0\r\nHost: elsewhere\r\n\r\n",
        b"a" * (MAX_HEAD_BYTES + 1),
        b"0\r\n" + b"X: a\r\n" * 11_000,
    ],
    ids=lambda body: repr(body[:20]),
)
def test_chunks_that_are_none_are_not_waited_for_and_refused(body: bytes) -> None:
    reading = reader()
    reading.feed(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body)

    with pytest.raises(Exception) as caught:
        reading.take()
    assert type(caught.value).__module__ == "gunicorn.http.errors"


@pytest.mark.parametrize(
    "body", [b"5\r\nabc", b"5", b"", b"1\r\na\r\n0\r\nX: a\r\n", b"f" * 16 + b"\r\na", b"5;a\rb\r\n"]
)
def test_chunks_that_may_go_on_are_waited_for(body: bytes) -> None:
    assert ChunkScan().find_end(bytearray(body)) is None


@pytest.mark.parametrize("sent", [MAX_BODY_BYTES, MAX_BODY_BYTES + 1])
def test_a_body_is_read_up_to_the_limit(sent: int) -> None:
    reading = reader()
    reading.feed(HEAD + b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % sent)
    request = reading.take()

    if sent > MAX_BODY_BYTES:
        assert request is not None
        assert (request.body, reading.is_spent, request.message.should_close()) == (b"", True, True)
        assert not reading.wants_to_be_asked()
    else:
        assert (request, reading.is_spent) == (None, False)
        assert (reading.wants_to_be_asked(), reading.wants_to_be_asked()) == (True, False)


def test_who_has_begun_with_the_body_needs_not_be_asked_for_it() -> None:
    reading = reader()
    reading.feed(HEAD + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\na")

    assert reading.take() is None
    assert not reading.wants_to_be_asked()


def test_chunks_of_a_body_that_is_too_large_say_so() -> None:
    (request,) = fed(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(b"a" * 200, [50]), [])

    assert (len(request.body), request.chunked_length) == (MAX_BODY_BYTES + 1, 200)


@pytest.mark.parametrize("name", sorted(SINGULAR))
def test_a_header_that_can_only_be_there_once_is_refused_the_second_time(name: str) -> None:
    reading = reader()
    reading.feed(b"GET / HTTP/1.1\r\nHost: test\r\n" + f"{name}: a\r\n{name.title()}: a\r\n\r\n".encode())
    with pytest.raises(errors.InvalidHeader):
        reading.take()


def test_other_headers_may_be_there_several_times() -> None:
    reading = reader()
    reading.feed(b'GET / HTTP/1.1\r\nHost: test\r\nIf-Match: "a"\r\nIf-Match: "b"\r\nOrigin: x\r\n\r\n')
    assert reading.take() is not None
