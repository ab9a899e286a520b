"""Spans for an OpenTelemetry collector: the optional part of `tracing`, imported only if a collector is configured.

    .venv/bin/python -m pip install -r requirements-otel.lock
    OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 python3 manage_all.py up

A request is a SERVER span. Each attempt to call another service is a CLIENT span inside it. The id of that span is
sent along in `traceparent`, so the SERVER span of the other service is its child. Each delivery of the relay is a
trace of its own. Health checks and scrapes have no span. `tracing` takes the ids of its log lines from the current
span, so a span leads to its log lines. If the caller does not sample a trace, neither does Plaza, nor the next
service.

Spans are exported in batches over http/protobuf, by a thread. It starts with the first span of a process, so after
gunicorn has forked. A collector that is slow or down loses spans, but delays no request. OpenTelemetry's other
variables (OTEL_EXPORTER_OTLP_HEADERS, OTEL_TRACES_SAMPLER, OTEL_BSP_…) have their usual meaning.

The projects do not call `opentelemetry-api` themselves: without a collector its no-op spans would cost a request with
one call to another service 11 to 30 µs, where the `None` in `tracing` costs less than 1.
"""

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from common.observability.metrics import METHODS

EXPORT_TIMEOUT_S = 3.0  # the longest that a collector which is down delays the end of a process


def batches() -> SpanProcessor:
    timeout_s = None if "OTEL_EXPORTER_OTLP_TIMEOUT" in os.environ else EXPORT_TIMEOUT_S
    return BatchSpanProcessor(OTLPSpanExporter(timeout=timeout_s))


class Spans:
    """The spans of one process: its requests, calls and other work. Threads may share it."""

    def __init__(self, service: str, make_processor: Callable[[], SpanProcessor] = batches) -> None:
        self._service = service
        self._make_processor = make_processor
        self._making = threading.Lock()
        self._tracer: Tracer | None = None

    def serving(self, traceparent: str) -> AbstractContextManager[Span]:
        """The span of a request, a child of the caller's. `describe_request` names it once the request is answered."""
        caller = TraceContextTextMapPropagator().extract({"traceparent": traceparent}, Context())
        return self._span("request", SpanKind.SERVER, caller)

    def describe_request(self, span: Span, method: str, route: str, status: int, request_id: str) -> None:
        method = method if method in METHODS else "_OTHER"
        span.update_name(f"{method} {route}")
        span.set_attributes(
            {
                "http.request.method": method,
                "http.route": route,
                "http.response.status_code": status,
                "plaza.request_id": request_id,
            }
        )
        if status >= 500:
            span.set_status(Status(StatusCode.ERROR))

    def calling(self, method: str, upstream: str) -> AbstractContextManager[Span]:
        """The span of one attempt to call `upstream`. An exception that ends it becomes its status."""
        return self._span(f"{method} {upstream}", SpanKind.CLIENT, attributes={"http.request.method": method})

    def working(self, name: str) -> AbstractContextManager[Span]:
        """The span of work outside any request, the first of its trace."""
        return self._span(name, SpanKind.INTERNAL)

    def note_answer(self, status: int) -> None:
        get_current_span().set_attribute("http.response.status_code", status)

    def current(self) -> tuple[str, str, str] | None:
        """Trace id, span id and flags of the current span, in hexadecimal as in `traceparent`."""
        span = get_current_span().get_span_context()
        return (f"{span.trace_id:032x}", f"{span.span_id:016x}", f"{span.trace_flags:02x}") if span.is_valid else None

    def _span(
        self,
        name: str,
        kind: SpanKind,
        parent: Context | None = None,
        attributes: Mapping[str, str] | None = None,
    ) -> AbstractContextManager[Span]:
        tracer = self._tracer_of_this_process()
        return tracer.start_as_current_span(name, parent, kind, attributes, record_exception=False)

    def _tracer_of_this_process(self) -> Tracer:
        with self._making:
            if self._tracer is None:
                provider = TracerProvider(resource=Resource.create({"service.name": f"plaza-{self._service}"}))
                provider.add_span_processor(self._make_processor())
                self._tracer = provider.get_tracer("plaza")
            return self._tracer
