"""From the bytes of a connection to whole requests.

gunicorn's parser decides what is HTTP, and which of two readings of a head is refused. It reads from a blocking
socket, though, so it is only given a head that is complete or that can't become one.
"""

from dataclasses import dataclass
from enum import Enum, auto
from types import SimpleNamespace

from gunicorn.config import Config
from gunicorn.http.body import Body, ChunkedReader, LengthReader
from gunicorn.http.errors import InvalidHeader, LimitRequestHeaders, NoMoreData
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader

MAX_HEAD_BYTES = 64 * 1024
CHUNK_OVERHEAD_BYTES = 64 * 1024  # what the sizes of a body's chunks may add to it
DERIVED = ("is_ssl", "forwarded_allow_networks", "proxy_allow_networks")
END = b"\r\n\r\n"
# Two of one of these would be joined by a comma, and then be one that nobody sent (RFC 9110, 5.3).
SINGULAR = frozenset(
    {"AUTHORIZATION", "CONTENT-TYPE", "IDEMPOTENCY-KEY", "ORIGIN", "REFERER", "TRACEPARENT", "X-CSRFTOKEN"}
    | {"X-PLAZA-DEADLINE-MS", "X-REQUEST-ID"}
)


class Settings(SimpleNamespace):
    """gunicorn's settings as plain attributes. It looks at some twenty for each request and answer, and searches each
    of them: that is a quarter of what both cost."""

    def __init__(self, config: Config) -> None:
        super().__init__(**{name: getattr(config, name) for name in (*config.settings, *DERIVED)})


class Stage(Enum):
    """How far the next request has come."""

    NOTHING = auto()
    HEAD = auto()
    BODY = auto()


@dataclass(slots=True)
class WholeRequest:
    """A request whose last byte has come, or whose body is so large that nobody will read it: then `body` is empty.

    `chunked_length` is the length of a body that came in chunks, which its head doesn't say; of one that is too
    large, a length that is. `arrived_at` is a time of the server's clock.
    """

    message: Request
    body: bytes
    chunked_length: int | None = None
    arrived_at: float = 0.0


class RequestReader:
    """Is fed with what a connection receives, and gives one whole request after the other."""

    def __init__(self, config: Settings, peer: tuple[str, int], max_body_bytes: int) -> None:
        self.stage = Stage.NOTHING
        self.is_spent = False  # what comes now isn't read any more
        self._config = config
        self._peer = peer
        self._max_body_bytes = max_body_bytes
        self._buffer = bytearray()
        self._searched = 0  # how much of the buffer was looked through in vain
        self._message: Request | None = None
        self._chunks = ChunkScan()

    @property
    def held_bytes(self) -> int:
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def take(self) -> WholeRequest | None:
        """The next request if all of it is there.

        Raises:
            Exception: one of `gunicorn.http.errors`; nothing of the connection can be read after that.
        """
        if self._message is None:
            self._read_head()
        if self._message is None:
            return None
        request = self._read_body(self._message)
        if request is not None:
            self.stage, self._message, self._searched, self._chunks = Stage.NOTHING, None, 0, ChunkScan()
        return request

    def wants_to_be_asked(self) -> bool:
        """Whether the client waits for `100 Continue` before it sends the body; says so once."""
        message = self._message
        if message is None or not message._expected_100_continue:
            return False
        message._expected_100_continue = False
        return not self._buffer  # who has sent some of it needs no asking

    def _read_head(self) -> None:
        if not self._buffer:
            return
        self.stage = Stage.HEAD
        end = self._buffer.find(END, self._searched)
        if end >= 0:
            self._message = self._parse(bytes(self._buffer[: end + len(END)]))
            del self._buffer[: end + len(END)]
            self.stage = Stage.BODY
        elif self._is_hopeless():
            self._parse(bytes(self._buffer))
            raise LimitRequestHeaders("the head is too large")
        else:
            self._searched = max(0, len(self._buffer) - len(END) + 1)

    def _is_hopeless(self) -> bool:
        """Whether no further byte can make this a head."""
        fresh = self._searched
        has_bare_line_feed = self._buffer.count(b"\n", fresh) != self._buffer.count(b"\r\n", max(0, fresh - 1))
        limit = self._config.limit_request_line + 2
        is_long_line = len(self._buffer) > limit and self._buffer.find(b"\r\n", 0, limit + 2) < 0
        return has_bare_line_feed or is_long_line or len(self._buffer) > MAX_HEAD_BYTES

    def _parse(self, head: bytes) -> Request:
        try:
            message = Request(self._config, IterUnreader([head]), self._peer)
        except (NoMoreData, StopIteration) as error:
            raise LimitRequestHeaders("the head is too large") from error
        names = [name for name, _ in message.headers if name in SINGULAR]
        if len(names) > len(set(names)):
            raise InvalidHeader("a header that can only be there once")
        return message

    def _read_body(self, message: Request) -> WholeRequest | None:
        reader = message.body.reader if message.body else None
        if isinstance(reader, ChunkedReader):
            return self._read_chunks(message)
        length = reader.length if isinstance(reader, LengthReader) else 0
        if length > self._max_body_bytes:
            return self._left_unread(message)
        if len(self._buffer) < length:
            return None
        return WholeRequest(message, self._cut(length))

    def _read_chunks(self, message: Request) -> WholeRequest | None:
        end = self._chunks.find_end(self._buffer)
        if end is None:
            is_too_large = len(self._buffer) > self._max_body_bytes + CHUNK_OVERHEAD_BYTES
            return self._left_unread(message, self._max_body_bytes + 1) if is_too_large else None
        reader = ChunkedReader(message, IterUnreader([self._cut(end)]))
        body = Body(reader).read()
        return WholeRequest(message, body[: self._max_body_bytes + 1], chunked_length=len(body))

    def _left_unread(self, message: Request, chunked_length: int | None = None) -> WholeRequest:
        self.is_spent = True
        message.force_close()
        message._expected_100_continue = False
        return WholeRequest(message, b"", chunked_length)

    def _cut(self, length: int) -> bytes:
        cut = bytes(self._buffer[:length])
        del self._buffer[:length]
        return cut


class ChunkScan:
    """Finds where a body in chunks ends, and goes on where it stopped when more has come.

    It judges nothing: what isn't a size ends the body at once, and gunicorn's reader then says what is wrong with it.
    """

    def __init__(self) -> None:
        self._at = 0  # the size of the first chunk that isn't whole

    def find_end(self, buffer: bytearray) -> int | None:
        while True:
            line_end = buffer.find(b"\r\n", self._at)
            if line_end < 0:
                return len(buffer) if len(buffer) - self._at > MAX_HEAD_BYTES else None
            size = _size(bytes(buffer[self._at : line_end]))
            if size is None:
                return len(buffer)
            if size == 0:
                return self._end_of_trailers(buffer, line_end)
            next_at = line_end + 2 + size + 2
            if next_at > len(buffer):
                return None
            if buffer[next_at - 2 : next_at] != b"\r\n":
                return len(buffer)
            self._at = next_at

    def _end_of_trailers(self, buffer: bytearray, line_end: int) -> int | None:
        end = buffer.find(END, line_end)
        if end >= 0:
            return end + len(END)
        return len(buffer) if len(buffer) - line_end > MAX_HEAD_BYTES else None


def _size(line: bytes) -> int | None:
    """The size in a chunk's first line, or None where there is none."""
    digits = line.partition(b";")[0].rstrip(b" \t")
    try:
        return int(digits, 16) if digits.isalnum() and len(digits) <= 16 else None
    except ValueError:
        return None
