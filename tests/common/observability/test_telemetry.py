"""Spans, exported to memory: what each contains, whose child it is, and which id is sent to the next service."""

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.test import Client, RequestFactory
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, format_trace_id

from common.observability import telemetry, tracing
from common.observability.telemetry import Spans
from common.observability.tracing import RequestMiddleware, begin_trace, outgoing_headers, work_span
from common.resilience import Policy
from common.settings import ROOT
from common.upstream import Answer, BrokenContract, Call, CircuitRejected, Upstream, UpstreamError
from tests.common.observability.test_tracing import lines
from tests.common.upstream.servers import Server, answers, refusing
from tests.support.threads import in_threads

TRACE_ID, PARENT_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE_ID}-{PARENT_ID}-01"
COLLECTOR = "http://127.0.0.1:4318"
SCRIPT = """
import sys, django
django.setup()
from django.test import Client
assert Client(SERVER_NAME="localhost").get("/health/live").status_code == 200
print(any(name.split(".")[0] == "opentelemetry" for name in sys.modules))
"""
GET = Call("GET", "/products/")


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """It receives each span as soon as it ends."""
    exporter = InMemorySpanExporter()
    monkeypatch.setattr(tracing, "spans", Spans("products", lambda: SimpleSpanProcessor(exporter)))
    return exporter


def ids_of(span: ReadableSpan) -> str:
    """The ids of trace and span, as in the middle of a `traceparent`."""
    assert span.context is not None
    return f"{format_trace_id(span.context.trace_id)}-{format_span_id(span.context.span_id)}"


def parent_of(span: ReadableSpan) -> str | None:
    parent = span.parent
    return f"{format_trace_id(parent.trace_id)}-{format_span_id(parent.span_id)}" if parent else None


def ids_in(headers: Mapping[str, str]) -> str:
    version, trace_id, span_id, flags = headers["traceparent"].split("-")
    assert (version, int(flags, 16) & 1) == ("00", 1)
    return f"{trace_id}-{span_id}"


def serve(view: Callable[[Any], HttpResponse], traceparent: str = "") -> HttpResponse:
    request = RequestFactory().post("/x/", headers={"X-Request-ID": "request-1", "traceparent": traceparent})
    response = RequestMiddleware(view)(request)
    assert isinstance(response, HttpResponse)
    return response


def serve_a_call(url: str, check: Callable[[Answer], Any] = lambda answer: None) -> None:
    """Serve a request that calls products once and ignores a failure."""

    def view(request: Any) -> HttpResponse:
        try:
            Upstream("products", url, Policy(), sleep=lambda seconds: None).call(GET, check)
        except UpstreamError:
            pass
        return HttpResponse()

    serve(view)


def test_a_request_is_a_span_with_the_fields_of_its_log_line(client: Client, exporter: InMemorySpanExporter) -> None:
    response = client.get("/products/?search=tea", headers={"X-Request-ID": "request-1", "traceparent": TRACEPARENT})
    assert response.status_code == 401
    [span] = exporter.get_finished_spans()
    assert (span.name, span.kind, span.status.status_code) == ("GET products/", SpanKind.SERVER, StatusCode.UNSET)
    assert parent_of(span) == f"{TRACE_ID}-{PARENT_ID}"
    assert span.resource.attributes["service.name"] == "plaza-products"
    assert span.attributes == {
        "http.request.method": "GET",
        "http.route": "products/",
        "http.response.status_code": 401,
        "plaza.request_id": "request-1",
    }


@pytest.mark.parametrize("traceparent", ["", "nonsense", f"00-{'0' * 32}-{PARENT_ID}-01"])
def test_a_request_without_a_proper_traceparent_begins_a_trace(
    exporter: InMemorySpanExporter, traceparent: str
) -> None:
    with work_span("earlier work of the thread"):
        serve(lambda request: HttpResponse(), traceparent)
    span, _ = exporter.get_finished_spans()
    assert parent_of(span) is None


@pytest.mark.parametrize("traceparent", ["", TRACEPARENT])
def test_the_log_and_outgoing_headers_have_the_ids_of_the_span(
    exporter: InMemorySpanExporter, caplog: pytest.LogCaptureFixture, traceparent: str
) -> None:
    sent: list[dict[str, str]] = []

    def view(request: Any) -> HttpResponse:
        sent.append(outgoing_headers())
        return HttpResponse()

    with caplog.at_level(logging.INFO):
        serve(view, traceparent)
    [span] = exporter.get_finished_spans()
    assert (sent[0]["X-Request-ID"], ids_in(sent[0])) == ("request-1", ids_of(span))
    assert lines(caplog)[0]["trace_id"] == ids_of(span).split("-")[0]


@pytest.mark.parametrize(
    ("status", "code"), [(200, StatusCode.UNSET), (499, StatusCode.UNSET), (500, StatusCode.ERROR)]
)
def test_a_status_of_500_or_more_is_an_error(exporter: InMemorySpanExporter, status: int, code: StatusCode) -> None:
    serve(lambda request: HttpResponse(status=status))
    [span] = exporter.get_finished_spans()
    assert (span.name, span.status.status_code) == ("POST unmatched", code)


def test_an_unknown_method_is_not_in_the_name_of_the_span(client: Client, exporter: InMemorySpanExporter) -> None:
    client.generic("BREW", "/products/")
    [span] = exporter.get_finished_spans()
    assert span.name == "_OTHER products/"
    assert span.attributes is not None
    assert span.attributes["http.request.method"] == "_OTHER"


@pytest.mark.parametrize("path", ["/health/live", "/metrics"])
def test_health_checks_and_scrapes_have_no_span(client: Client, exporter: InMemorySpanExporter, path: str) -> None:
    assert client.get(path).status_code == 200
    assert exporter.get_finished_spans() == ()


def test_a_trace_that_is_not_sampled_stays_unsampled_downstream(exporter: InMemorySpanExporter) -> None:
    sent: list[str] = []

    def view(request: Any) -> HttpResponse:
        sent.append(outgoing_headers()["traceparent"])
        return HttpResponse()

    serve(view, f"00-{TRACE_ID}-{PARENT_ID}-00")
    [traceparent] = sent
    assert (traceparent[:36], traceparent[-3:]) == (f"00-{TRACE_ID}-", "-00")
    assert exporter.get_finished_spans() == ()


def test_each_attempt_is_a_span_whose_id_is_sent_to_the_service(exporter: InMemorySpanExporter) -> None:
    with Server(answers(503), answers()) as server:
        serve_a_call(server.url)
    failed, succeeded, request = exporter.get_finished_spans()
    assert [span.name for span in (failed, succeeded)] == ["GET products", "GET products"]
    assert [span.kind for span in (failed, succeeded)] == [SpanKind.CLIENT, SpanKind.CLIENT]
    assert [parent_of(span) for span in (failed, succeeded)] == [ids_of(request)] * 2
    sent = [ids_in(received.headers) for received in server.received]
    assert sent == [ids_of(failed), ids_of(succeeded)]
    assert len({*sent, ids_of(request)}) == 3
    assert failed.attributes == {"http.request.method": "GET", "http.response.status_code": 503}
    assert succeeded.attributes == {"http.request.method": "GET", "http.response.status_code": 200}
    assert failed.status.status_code == StatusCode.ERROR
    assert failed.status.description == "ServerFailed: products: answered 503"
    assert (succeeded.status.status_code, request.status.status_code) == (StatusCode.UNSET, StatusCode.UNSET)


def test_after_a_call_the_request_is_the_current_span_again(exporter: InMemorySpanExporter) -> None:
    sent: list[str] = []

    def view(request: Any) -> HttpResponse:
        for _ in range(2):
            sent.append(ids_in(outgoing_headers()))
            with tracing.call_span("GET", "products"):
                sent.append(ids_in(outgoing_headers()))
        return HttpResponse()

    serve(view)
    first, second, request = map(ids_of, exporter.get_finished_spans())
    assert sent == [request, first, request, second]


def test_a_4xx_of_the_service_is_no_error(exporter: InMemorySpanExporter) -> None:
    with Server(answers(404)) as server:
        serve_a_call(server.url)
    call, _ = exporter.get_finished_spans()
    assert call.attributes == {"http.request.method": "GET", "http.response.status_code": 404}
    assert call.status.status_code == StatusCode.UNSET


def test_an_answer_that_breaks_the_contract_is_an_error(exporter: InMemorySpanExporter) -> None:
    def check(answer: Answer) -> None:
        raise BrokenContract("products", "no name")

    with Server(answers()) as server:
        serve_a_call(server.url, check)
    call, _ = exporter.get_finished_spans()
    assert (call.status.status_code, call.status.description) == (
        StatusCode.ERROR,
        "BrokenContract: products: no name",
    )


def test_an_attempt_without_an_answer_has_an_error_and_no_status(exporter: InMemorySpanExporter) -> None:
    with refusing() as url:
        serve_a_call(url)
    call, _, _ = exporter.get_finished_spans()
    assert call.attributes == {"http.request.method": "GET"}
    assert (call.status.status_code, call.status.description) == (
        StatusCode.ERROR,
        "Unreachable: products: no connection",
    )
    assert call.events == ()  # a span holds no stack trace


def test_a_call_refused_by_an_open_circuit_has_no_span(exporter: InMemorySpanExporter) -> None:
    with refusing() as url:
        products = Upstream("products", url, Policy(consecutive_failures=1, max_retries=0))
        with pytest.raises(UpstreamError):
            products.call(GET, lambda answer: None)
        products.circuit.open()
        with pytest.raises(CircuitRejected):
            products.call(GET, lambda answer: None)
    assert len(exporter.get_finished_spans()) == 1


def test_each_piece_of_work_is_a_trace_of_its_own(exporter: InMemorySpanExporter) -> None:
    begun = []
    for _ in range(2):
        with work_span("deliver order"):
            trace = begin_trace()
            begun.append(f"{trace.trace_id}-{trace.span_id}")
    spans = exporter.get_finished_spans()
    assert [(span.name, span.kind, parent_of(span)) for span in spans] == [
        ("deliver order", SpanKind.INTERNAL, None)
    ] * 2
    assert [ids_of(span) for span in spans] == begun
    assert begun[0].split("-")[0] != begun[1].split("-")[0]


def test_the_exporter_starts_with_the_first_span_and_only_once() -> None:
    made: list[SpanProcessor] = []

    def make_processor() -> SpanProcessor:
        made.append(SpanProcessor())
        return made[-1]

    spans = Spans("products", make_processor)
    assert (spans.current(), made) == (None, [])

    def work() -> None:
        with spans.working("work"):
            pass

    assert in_threads(8, work) == [None] * 8
    assert len(made) == 1


@pytest.mark.parametrize(("variable", "expected"), [(None, 3.0), ("5", None)])
def test_the_export_has_a_short_timeout_unless_configured(
    monkeypatch: pytest.MonkeyPatch, variable: str | None, expected: float | None
) -> None:
    timeouts: list[float | None] = []

    def make_exporter(*, timeout: float | None) -> InMemorySpanExporter:
        timeouts.append(timeout)
        return InMemorySpanExporter()

    monkeypatch.setattr(telemetry, "OTLPSpanExporter", make_exporter)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_TIMEOUT", raising=False)
    if variable:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", variable)
    telemetry.batches().shutdown()
    assert timeouts == [expected]


@pytest.fixture
def without_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "spans", None)


@pytest.mark.usefixtures("without_spans")
@pytest.mark.parametrize("endpoint", [None, ""])
def test_without_an_endpoint_there_are_no_spans(monkeypatch: pytest.MonkeyPatch, endpoint: str | None) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    if endpoint is not None:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    tracing.export_spans("products")
    assert tracing.spans is None


@pytest.mark.usefixtures("without_spans")
def test_with_an_endpoint_there_are_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", COLLECTOR)
    tracing.export_spans("products")
    assert isinstance(tracing.spans, Spans)


@pytest.mark.usefixtures("without_spans")
def test_an_endpoint_without_the_packages_is_refused_and_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", COLLECTOR)
    monkeypatch.delitem(sys.modules, "common.observability.telemetry")
    monkeypatch.setitem(sys.modules, "opentelemetry.context", None)
    with pytest.raises(ImproperlyConfigured) as caught:
        tracing.export_spans("products")
    assert str(caught.value) == (
        "OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed: "
        "pip install -r requirements-otel.lock, or unset it."
    )
    assert tracing.spans is None


@pytest.mark.parametrize(("endpoint", "imported"), [("", "False"), (COLLECTOR, "True")])
def test_a_process_imports_opentelemetry_only_with_an_endpoint(tmp_path: Path, endpoint: str, imported: str) -> None:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "products_project.settings",
        "PLAZA_DATA_DIR": str(tmp_path),
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, [imported]), done.stderr
