"""One exchange over HTTP, with `requests`, ended by its deadline whatever the other side does.

A time-out of `requests` bounds one receive, not the call: a peer that drips a byte a second outlasts any. The sockets
here shorten each receive and send to what the deadline leaves, which covers slow headers and slow bodies alike.
"""

import socket
import ssl
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from common.resilience import Deadline, DeadlineExceeded, Policy
from common.tracing import outgoing_headers

from .errors import BrokenContract, BrokenOff, TimedOut, Unreachable

DEADLINE_HEADER = "X-Plaza-Deadline-Ms"
HOP_ALLOWANCE_MS = 200  # what a hop keeps for its own work, so that the callee gives up first
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Call:
    """What to ask. `path` starts with "/" and is made of checked parts; `replay_safe` allows a second sending."""

    method: str
    path: str
    query: Mapping[str, Any] | None = None
    body: bytes | None = None
    headers: Mapping[str, str] | None = None
    replay_safe: bool = False

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
    """What the caller of a DRF or Django `request` left of its own deadline, if it said so."""
    left_ms = request.headers.get(DEADLINE_HEADER, "")
    return Deadline.after(int(left_ms) / 1000) if left_ms.isdecimal() and len(left_ms) < 9 else None


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
        self._adapter = _Adapter(pool_connections=1, pool_maxsize=policy.max_in_flight)

    def exchange(self, call: Call, deadline: Deadline) -> Answer:
        """The answer, whatever its status.

        Raises:
            Unreachable, TimedOut, BrokenOff, BrokenContract: see `common.upstream`.
        """
        token = _deadline.set(deadline)
        try:
            return self._send(call, deadline)
        except (requests.ConnectTimeout, requests.exceptions.InvalidURL) as error:
            raise Unreachable(self._upstream, "no connection in time") from error
        except requests.ConnectionError as error:
            if _is_connection_failure(error):
                raise Unreachable(self._upstream, "no connection") from error
            raise self._interrupted(error, deadline) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise self._interrupted(error, deadline) from error
        finally:
            _deadline.reset(token)

    def _send(self, call: Call, deadline: Deadline) -> Answer:
        timeout_s = (
            deadline.bound_s(self._policy.connect_timeout_s),
            deadline.bound_s(self._policy.read_timeout_s),
        )
        response = self._adapter.send(self._prepare(call, deadline), stream=True, timeout=timeout_s)
        with response:
            limit = self._policy.max_response_bytes
            body = response.raw.read(limit + 1, decode_content=False)
            if len(body) > limit:
                raise BrokenContract(self._upstream, f"an answer of more than {limit} bytes")
            if response.raw.length_remaining:  # a read of so many bytes takes an early end for the end
                raise self._broken_off()
            return Answer(response.status_code, response.headers, body)

    def _prepare(self, call: Call, deadline: Deadline) -> requests.PreparedRequest:
        left_ms = left_to_hand_on_ms(deadline)
        if not left_ms:
            raise DeadlineExceeded("too little is left to hand on")
        query = f"?{urlencode(call.query, safe=':')}" if call.query else ""
        request = requests.PreparedRequest()  # filled by hand: `requests` would rewrite a path that is made already
        request.method = call.method
        request.url = f"{self._base_url}{call.path}{query}"
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

    def _interrupted(self, error: Exception, deadline: Deadline) -> TimedOut | BrokenOff:
        timeouts = (TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError)
        if isinstance(error, timeouts) or _has_cause(error, timeouts) or deadline.remaining_s() <= 0:
            return TimedOut(self._upstream, "no whole answer in time")
        return self._broken_off()

    def _broken_off(self) -> BrokenOff:
        return BrokenOff(self._upstream, "the connection ended before the answer did")


_deadline: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


class _Bounded(socket.socket):
    """Receives and sends end by the deadline of the call that the socket serves."""

    _idle_timeout_s: float | None = None

    def settimeout(self, value: float | None) -> None:
        self._idle_timeout_s = value
        super().settimeout(value)

    def _bound(self) -> None:
        if deadline := _deadline.get():
            idle_timeout_s = self._idle_timeout_s
            super().settimeout(deadline.bound_s(float("inf") if idle_timeout_s is None else idle_timeout_s))

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self._bound()
        return super().recv_into(*args, **kwargs)

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        self._bound()
        super().sendall(*args, **kwargs)


class _BoundedTLS(_Bounded, ssl.SSLSocket):
    pass


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        plain = super()._new_conn()
        timeout_s = plain.gettimeout()
        bounded = _Bounded(plain.family, plain.type, plain.proto, plain.detach())
        bounded.settimeout(timeout_s)
        return bounded


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        context = ssl.create_default_context()
        context.sslsocket_class = _BoundedTLS
        super().init_poolmanager(*args, ssl_context=context, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": HTTPSConnectionPool}


def _is_connection_failure(error: BaseException) -> bool:
    return _has_cause(error, (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError))


def _has_cause(error: BaseException, kinds: tuple[type[BaseException], ...]) -> bool:
    """Whether an error of one of `kinds` is inside `error`, as argument, `reason` or cause.

    Not as context: that may be what the caller was handling when it called.
    """
    seen: set[int] = set()
    pending: list[Any] = [error]
    while pending:
        inner = pending.pop()
        if not isinstance(inner, BaseException) or id(inner) in seen:
            continue
        if isinstance(inner, kinds):
            return True
        seen.add(id(inner))
        pending += [*inner.args, getattr(inner, "reason", None), inner.__cause__]
    return False
