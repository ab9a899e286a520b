"""What the server answers by itself, as problems (RFC 9457), where a request never becomes one of the application's."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate

from gunicorn.http import errors


@dataclass(frozen=True, slots=True)
class Refusal:
    """`slug` names the problem's type; who reads it is told `detail`, and nothing of what was sent."""

    status: int
    reason: str
    slug: str
    detail: str
    retry_after_s: int | None = None

    def encoded(self, request_id: str, path: str = "") -> bytes:
        """The whole answer, after which the connection is closed. `path` is empty where none could be read."""
        problem = {
            "type": f"/problems/{self.slug}",
            "title": self.reason,
            "status": self.status,
            "detail": self.detail,
            "instance": path,
            "request_id": request_id,
        }
        body = json.dumps(problem).encode()
        headers: dict[str, object] = {
            "Date": formatdate(usegmt=True),
            "Connection": "close",
            "Content-Type": "application/problem+json",
            "Content-Length": len(body),
            "X-Request-ID": request_id,
        }
        if self.retry_after_s is not None:
            headers["Retry-After"] = self.retry_after_s
        return _head(self.status, self.reason, headers) + body


CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

UNREADABLE = Refusal(400, "Bad request", "bad-request", "This is not HTTP/1.1, or it could be read in two ways.")
LINE_TOO_LONG = Refusal(414, "URI too long", "uri-too-long", "The request line is too long.")
HEAD_TOO_LARGE = Refusal(431, "Request header fields too large", "headers-too-large", "The headers are too large.")
UNKNOWN_CODING = Refusal(501, "Not implemented", "unknown-coding", "The only transfer coding that is known is chunked.")
UNKNOWN_EXPECTATION = Refusal(
    417, "Expectation failed", "expectation-failed", "The only expectation that is known is 100-continue."
)
TOO_SLOW = Refusal(408, "Request timeout", "request-timeout", "The request took too long to arrive.")
TOO_MANY = Refusal(503, "Service unavailable", "too-many-connections", "Too many connections are open.", 1)
OVERLOADED = Refusal(503, "Service unavailable", "overloaded", "The request would have waited for too long.", 1)
FAILED = Refusal(500, "Internal error", "internal", "Something went wrong on our side. It has been logged.")

_OF_ERRORS: Mapping[type[Exception], Refusal] = {
    errors.LimitRequestLine: LINE_TOO_LONG,
    errors.LimitRequestHeaders: HEAD_TOO_LARGE,
    errors.UnsupportedTransferCoding: UNKNOWN_CODING,
    errors.ExpectationFailed: UNKNOWN_EXPECTATION,
}


def refusal_of(error: Exception) -> Refusal:
    """For what `RequestReader` raises."""
    return _OF_ERRORS.get(type(error), UNREADABLE)


def _head(status: int, reason: str, headers: Mapping[str, object]) -> bytes:
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode()
