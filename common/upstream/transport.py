"""One exchange over HTTP, with `requests`, ended by its deadline whatever the other side does."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import requests
from django.http.request import HttpHeaders

from common.observability.tracing import outgoing_headers
from common.resilience import Deadline, DeadlineExceeded, Policy

from .adapter import BodyTooLarge, KeepAliveAdapter, NoConnection
from .connection import Patience
from .errors import BrokenContract, BrokenOff, RequestTooLong, TimedOut, Unreachable, UpstreamError

DEADLINE_HEADER = "X-Plaza-Deadline-Ms"
DEADLINE_VARIABLE = HttpHeaders.to_wsgi_name(DEADLINE_HEADER)
HOP_ALLOWANCE_MS = 200  # what a hop keeps for its own work, so that the callee gives up first
MAX_REQUEST_LINE_BYTES = 4094  # what gunicorn reads of it
QUERY_SAFE = "!$'()*,/:;?@"  # of what RFC 3986, 3.4 allows in a query, all that has no meaning in a form
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Call:
    """What to ask. `path` starts with "/" and is made of checked parts; `replay_safe` allows a second sending.

    `more_time_s` is what a large call may take beyond the policy's time-outs (seconds).
    """

    method: str
    path: str
    query: Mapping[str, Any] | None = None
    body: bytes | None = None
    headers: Mapping[str, str] | None = None
    replay_safe: bool = False
    more_time_s: float = 0.0

    @property
    def may_repeat(self) -> bool:
        return self.replay_safe or self.method in SAFE_METHODS


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `headers` regardless of case; `body` whole, at most the policy's `max_response_bytes`."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def deadline_of(request: Any) -> Deadline | None:
    """What the caller of a DRF or Django `request` left of its own deadline, if it said so.

    It begins when the request arrives, if the server says when: it may have waited for a thread since.
    """
    left_ms = request.META.get(DEADLINE_VARIABLE, "")
    if not left_ms.isdecimal() or len(left_ms) >= 9:
        return None
    return Deadline(request.META.get("plaza.arrived_at", time.monotonic()) + int(left_ms) / 1000)


def left_to_hand_on_ms(deadline: Deadline) -> int:
    """What the callee may take; 0 where it is not worth asking."""
    return max(0, int(deadline.remaining_s() * 1000) - HOP_ALLOWANCE_MS)


class Transport:
    """Exchanges with one base URL. Safe to share between threads."""

    def __init__(self, upstream: str, base_url: str, policy: Policy) -> None:
        self._upstream = upstream
        self._base_url = base_url.rstrip("/")
        self._policy = policy
        # Not a `requests.Session`: that keeps cookies, heeds .netrc and proxy variables, and reads redirects unasked.
        self._adapter = KeepAliveAdapter(
            self._base_url,
            max_idle=policy.max_in_flight + 1,  # one for the prober
            max_body_bytes=policy.max_response_bytes,
        )

    def exchange(self, call: Call, deadline: Deadline) -> Answer:
        """The answer, whatever its status.

        Raises:
            Unreachable, TimedOut, BrokenOff, BrokenContract, RequestTooLong: see `common.upstream`.
        """
        try:
            return self._send(call, deadline)
        except (requests.RequestException, DeadlineExceeded) as error:
            raise self._worded(error, deadline) from error

    def _send(self, call: Call, deadline: Deadline) -> Answer:
        request = self._prepare(call, deadline)
        read_s = self._policy.read_timeout_s + call.more_time_s
        response = self._adapter.send(request, Patience(self._policy.connect_timeout_s, read_s, deadline))
        return Answer(response.status_code, response.headers, response.content)

    def _prepare(self, call: Call, deadline: Deadline) -> requests.PreparedRequest:
        left_ms = left_to_hand_on_ms(deadline)
        if not left_ms:
            raise DeadlineExceeded("too little is left to hand on")
        target = call.path + (f"?{urlencode(call.query, safe=QUERY_SAFE)}" if call.query else "")
        if len(f"{call.method} {target} HTTP/1.1\r\n") > MAX_REQUEST_LINE_BYTES:
            raise RequestTooLong(self._upstream, "the request line is too long")
        request = requests.PreparedRequest()  # filled by hand: `requests` would rewrite a path that is made already
        request.method = call.method
        request.url = f"{self._base_url}{target}"
        request.body = call.body
        request.headers = requests.structures.CaseInsensitiveDict(
            {
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                DEADLINE_HEADER: str(left_ms),
                **outgoing_headers(),
                **(call.headers or {}),
            }
        )
        if call.body is not None:
            request.headers["Content-Type"] = "application/json"
        if call.body is not None or call.method not in SAFE_METHODS:
            request.headers["Content-Length"] = str(len(call.body or b""))
        return request

    def _worded(self, error: Exception, deadline: Deadline) -> UpstreamError:
        if isinstance(error, requests.ConnectTimeout):
            return Unreachable(self._upstream, "no connection in time")
        if isinstance(error, NoConnection):
            return Unreachable(self._upstream, "no connection")
        if isinstance(error, BodyTooLarge):
            return BrokenContract(self._upstream, f"an answer of more than {self._policy.max_response_bytes} bytes")
        if isinstance(error, (requests.Timeout, DeadlineExceeded)) or deadline.remaining_s() <= 0:
            return TimedOut(self._upstream, "no whole answer in time")
        return BrokenOff(self._upstream, "the connection ended before the answer did")
