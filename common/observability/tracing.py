"""One id finds a request in all four logs. `X-Request-ID` and W3C `traceparent` are taken or made, and sent on.

With OTEL_EXPORTER_OTLP_ENDPOINT set, requests and calls are also exported to a collector, as spans: see `telemetry`.
"""

import logging
import os
import re
import secrets
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from common.identifiers import new_id
from common.observability import metrics

if TYPE_CHECKING:
    from common.observability.telemetry import Spans

ENDPOINT_VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

log = logging.getLogger("plaza.request")


@dataclass(slots=True)
class Trace:
    """The ids of a request. `notes` become fields of its log line."""

    request_id: str
    trace_id: str
    span_id: str = field(default_factory=lambda: secrets.token_hex(8))
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-01"


class RequestLine(dict[str, Any]):
    """What a request's own line says. It is encoded at once, without structlog's processors."""


spans: "Spans | None" = None  # None, and so almost free, unless a collector is configured

_current: ContextVar[Trace | None] = ContextVar("trace", default=None)
_NO_SPAN = nullcontext()


def export_spans(service: str) -> None:
    """Export spans from now on, if the environment names a collector.

    Raises:
        ImproperlyConfigured: the environment names one, but OpenTelemetry is not installed.
    """
    global spans
    if not os.environ.get(ENDPOINT_VARIABLE):
        return
    try:
        from common.observability.telemetry import Spans  # imported here because its packages are an optional extra
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
    """Add fields to the log line of the current request."""
    if trace := _current.get():
        trace.notes.update(notes)


def begin_trace(request_id: str = "", traceparent: str = "") -> Trace:
    """Start the trace of this context, with the ids that the caller sent. A malformed id is replaced, not refused.

    Inside a span, the trace has the ids of the span.
    """
    taken = TRACEPARENT.fullmatch(traceparent)
    trace = Trace(
        request_id=request_id if REQUEST_ID.fullmatch(request_id) else str(new_id()),
        trace_id=taken[1] if taken else secrets.token_hex(16),
    )
    if spans is not None and (ids := spans.current()):
        trace.trace_id, trace.span_id, _ = ids
    _current.set(trace)
    return trace


def outgoing_headers() -> dict[str, str]:
    """The headers that carry the trace to another service. Inside `call_span`, that span is the parent there."""
    trace = _current.get() or begin_trace()
    ids = spans.current() if spans is not None else None
    return {"X-Request-ID": trace.request_id, "traceparent": "-".join(("00", *ids)) if ids else trace.traceparent}


def call_span(method: str, upstream: str) -> AbstractContextManager[object]:
    """Wraps one attempt to call another service."""
    return _NO_SPAN if spans is None else spans.calling(method, upstream)


def note_answer(status: int) -> None:
    """Record the status that the current attempt was answered with."""
    if spans is not None:
        spans.note_answer(status)


def work_span(name: str) -> AbstractContextManager[object]:
    """Wraps work outside any request, together with its `begin_trace`."""
    return _NO_SPAN if spans is None else spans.working(name)


def route_of(request: HttpRequest) -> str:
    return request.resolver_match.route if request.resolver_match else "unmatched"


class RequestMiddleware:
    """The outermost middleware: starts the trace, and in the end writes the request's log line and its metrics."""

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
        trace = begin_trace(request.META.get("HTTP_X_REQUEST_ID", ""), request.META.get("HTTP_TRACEPARENT", ""))
        response = self.get_response(request)
        response["X-Request-ID"] = trace.request_id
        route = route_of(request)
        seconds = time.perf_counter() - started
        metrics.observe_request(request.method or "", route, response.status_code, seconds)
        if not route.startswith(("health/", "metrics")):
            line = RequestLine(
                method=request.method,
                route=route,
                status=response.status_code,
                duration_ms=round(seconds * 1000, 1),
                **trace.notes,
                event="request",
                trace_id=trace.trace_id,
                request_id=trace.request_id,
            )
            log.info(line)
        return response
