"""One id finds a request in all four logs: `X-Request-ID` and W3C `traceparent`, taken or made, and handed on.

With OTEL_EXPORTER_OTLP_ENDPOINT set, requests and calls are also told to a collector, as spans: `telemetry`.
"""

import os
import re
import secrets
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from common import metrics
from common.identifiers import new_id

if TYPE_CHECKING:
    from common.telemetry import Spans

ENDPOINT_VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

log = structlog.get_logger("plaza.request")


@dataclass(slots=True)
class Trace:
    """Who and where a request is; `notes` become members of its one log line."""

    request_id: str
    trace_id: str
    span_id: str = field(default_factory=lambda: secrets.token_hex(8))
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-01"


spans: "Spans | None" = None  # where nobody asks for them, this None is all that they cost

_current: ContextVar[Trace | None] = ContextVar("trace", default=None)
_NO_SPAN = nullcontext()


def export_spans(service: str) -> None:
    """Begin to, if the environment names a collector.

    Raises:
        ImproperlyConfigured: it does, and the packages are missing.
    """
    global spans
    if not os.environ.get(ENDPOINT_VARIABLE):
        return
    try:
        from common.telemetry import Spans  # here, since its packages are an optional extra
    except ImportError as error:
        raise ImproperlyConfigured(
            f"{ENDPOINT_VARIABLE} is set, but OpenTelemetry is not installed: "
            "pip install -r requirements-otel.lock, or unset it."
        ) from error
    spans = Spans(service)


def current_trace() -> Trace | None:
    return _current.get()


def current_request_id() -> str | None:
    trace = _current.get()
    return trace.request_id if trace else None


def note(**notes: Any) -> None:
    """Add members to the log line of the request at hand."""
    if trace := _current.get():
        trace.notes.update(notes)


def begin_trace(request_id: str = "", traceparent: str = "") -> Trace:
    """Make the context's trace from what a caller sent; what is malformed is replaced, not refused.

    Inside a span, its ids are the trace's.
    """
    taken = TRACEPARENT.fullmatch(traceparent)
    trace = Trace(
        request_id=request_id if REQUEST_ID.fullmatch(request_id) else str(new_id()),
        trace_id=taken[1] if taken else secrets.token_hex(16),
    )
    if spans is not None and (ids := spans.current()):
        trace.trace_id, trace.span_id, _ = ids
    _current.set(trace)
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=trace.request_id, trace_id=trace.trace_id)
    return trace


def outgoing_headers() -> dict[str, str]:
    """What a call to another service carries of the trace; inside `call_span`, that span is the callee's parent."""
    trace = _current.get() or begin_trace()
    ids = spans.current() if spans is not None else None
    return {"X-Request-ID": trace.request_id, "traceparent": "-".join(("00", *ids)) if ids else trace.traceparent}


def call_span(method: str, upstream: str) -> AbstractContextManager[object]:
    """Around one attempt at another service."""
    return _NO_SPAN if spans is None else spans.calling(method, upstream)


def note_answer(status: int) -> None:
    """What the attempt at hand was answered."""
    if spans is not None:
        spans.note_answer(status)


def work_span(name: str) -> AbstractContextManager[object]:
    """Around work that no request asked for, and its `begin_trace`."""
    return _NO_SPAN if spans is None else spans.working(name)


def route_of(request: HttpRequest) -> str:
    return request.resolver_match.route if request.resolver_match else "unmatched"


class RequestMiddleware:
    """Outermost: begins the trace, and at the end writes the request's one log line and its metrics."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if spans is None or request.path_info.startswith(("/health/", "/metrics")):
            return self._answer(request)
        with spans.serving(request.headers.get("traceparent", "")) as span:
            response = self._answer(request)
            request_id = response["X-Request-ID"]
            spans.describe_request(span, request.method or "", route_of(request), response.status_code, request_id)
            return response

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        trace = begin_trace(request.headers.get("X-Request-ID", ""), request.headers.get("traceparent", ""))
        response = self.get_response(request)
        response["X-Request-ID"] = trace.request_id
        route = route_of(request)
        seconds = time.perf_counter() - started
        metrics.observe_request(request.method or "", route, response.status_code, seconds)
        if not route.startswith(("health/", "metrics")):
            log.info(
                "request",
                method=request.method,
                route=route,
                status=response.status_code,
                duration_ms=round(seconds * 1000, 1),
                **trace.notes,
            )
        return response
