"""Spans for an OpenTelemetry collector: the optional half of `tracing`, imported only where someone asks for it.

    .venv/bin/python -m pip install -r requirements-otel.lock
    OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 python3 manage_all.py up

A request is a SERVER span; each attempt at another service is a CLIENT span inside it, whose id travels on as
`traceparent`, so that the service's SERVER span is its child. Each of the relay's deliveries is a trace of its own;
those who only watch (`/health/…`, `/metrics`) leave none. `tracing` takes the ids of its log lines from the span at
hand, so that logs and spans find each other. A caller's decision not to be sampled is kept and handed on.

Spans go out in batches over http/protobuf, from a thread that starts with a process's first span: after gunicorn's
fork. A collector that is slow or down costs spans, not requests. OpenTelemetry's other variables
(OTEL_EXPORTER_OTLP_HEADERS, OTEL_TRACES_SAMPLER, OTEL_BSP_…) mean what they always do.
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

from common.metrics import METHODS

EXPORT_TIMEOUT_S = 3.0  # a collector that is down holds up the end of a process for no longer


def batches() -> SpanProcessor:
    timeout_s = None if "OTEL_EXPORTER_OTLP_TIMEOUT" in os.environ else EXPORT_TIMEOUT_S
    return BatchSpanProcessor(OTLPSpanExporter(timeout=timeout_s))


class Spans:
    """What a process tells of its requests, calls and work. Safe to share between threads."""

    def __init__(self, service: str, make_processor: Callable[[], SpanProcessor] = batches) -> None:
        self._service = service
        self._make_processor = make_processor
        self._making = threading.Lock()
        self._tracer: Tracer | None = None

    def serving(self, traceparent: str) -> AbstractContextManager[Span]:
        """The span of a request, a child of what its caller sent; `describe_request` names it when it is answered."""
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
        """The span of one attempt; an exception that leaves it becomes its status."""
        return self._span(f"{method} {upstream}", SpanKind.CLIENT, attributes={"http.request.method": method})

    def working(self, name: str) -> AbstractContextManager[Span]:
        """The span of what no request asked for, so the first of a trace."""
        return self._span(name, SpanKind.INTERNAL)

    def note_answer(self, status: int) -> None:
        get_current_span().set_attribute("http.response.status_code", status)

    def current(self) -> tuple[str, str, str] | None:
        """Trace id, span id and flags of the span at hand, in hexadecimal as `traceparent` has them."""
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
