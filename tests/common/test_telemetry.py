"""Spans, kept in memory: what each says, whose child it is, and which id travels on."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, format_trace_id

from common import telemetry, tracing
from common.resilience import Policy
from common.telemetry import Spans
from common.tracing import RequestMiddleware, begin_trace, outgoing_headers, work_span
from common.upstream import Answer, BrokenContract, Call, CircuitRejected, Upstream, UpstreamError
from tests.common.fakes import in_threads
from tests.common.test_tracing import lines
from tests.common.upstream.servers import Server, answers, refusing

TRACE_ID, PARENT_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE_ID}-{PARENT_ID}-01"
GET = Call("GET", "/products/")

Kept = InMemorySpanExporter


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Kept:
    """Where spans go at once when they end."""
    exporter = InMemorySpanExporter()
    monkeypatch.setattr(tracing, "spans", Spans("products", lambda: SimpleSpanProcessor(exporter)))
    return exporter


def ids_of(span: ReadableSpan) -> str:
    """Trace and span, as in the middle of a `traceparent`."""
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
    """One request in which products is called once, whatever comes of it."""

    def view(request: Any) -> HttpResponse:
        try:
            Upstream("products", url, Policy(), sleep=lambda seconds: None).call(GET, check)
        except UpstreamError:
            pass
        return HttpResponse()

    serve(view)


def test_a_request_is_a_span_that_says_what_its_log_line_says(client: Client, kept: Kept) -> None:
    response = client.get("/products/?search=tea", headers={"X-Request-ID": "request-1", "traceparent": TRACEPARENT})
    assert response.status_code == 401
    [span] = kept.get_finished_spans()
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
def test_a_request_without_a_proper_traceparent_begins_a_trace(kept: Kept, traceparent: str) -> None:
    with work_span("what the thread was at"):
        serve(lambda request: HttpResponse(), traceparent)
    span, _ = kept.get_finished_spans()
    assert parent_of(span) is None


@pytest.mark.parametrize("traceparent", ["", TRACEPARENT])
def test_the_log_and_what_goes_out_name_the_span(
    kept: Kept, caplog: pytest.LogCaptureFixture, traceparent: str
) -> None:
    sent: list[dict[str, str]] = []

    def view(request: Any) -> HttpResponse:
        sent.append(outgoing_headers())
        return HttpResponse()

    with caplog.at_level(logging.INFO):
        serve(view, traceparent)
    [span] = kept.get_finished_spans()
    assert (sent[0]["X-Request-ID"], ids_in(sent[0])) == ("request-1", ids_of(span))
    assert lines(caplog)[0]["trace_id"] == ids_of(span).split("-")[0]


@pytest.mark.parametrize(
    ("status", "code"), [(200, StatusCode.UNSET), (499, StatusCode.UNSET), (500, StatusCode.ERROR)]
)
def test_an_answer_from_500_on_is_an_error(kept: Kept, status: int, code: StatusCode) -> None:
    serve(lambda request: HttpResponse(status=status))
    [span] = kept.get_finished_spans()
    assert (span.name, span.status.status_code) == ("POST unmatched", code)


def test_a_method_that_nobody_knows_gives_no_span_its_name(client: Client, kept: Kept) -> None:
    client.generic("BREW", "/products/")
    [span] = kept.get_finished_spans()
    assert span.name == "_OTHER products/"
    assert span.attributes is not None
    assert span.attributes["http.request.method"] == "_OTHER"


@pytest.mark.parametrize("path", ["/health/live", "/metrics"])
def test_those_who_only_watch_leave_no_span(client: Client, kept: Kept, path: str) -> None:
    assert client.get(path).status_code == 200
    assert kept.get_finished_spans() == ()


def test_a_caller_who_is_not_sampled_stays_so_further_on(kept: Kept) -> None:
    sent: list[str] = []

    def view(request: Any) -> HttpResponse:
        sent.append(outgoing_headers()["traceparent"])
        return HttpResponse()

    serve(view, f"00-{TRACE_ID}-{PARENT_ID}-00")
    [traceparent] = sent
    assert (traceparent[:36], traceparent[-3:]) == (f"00-{TRACE_ID}-", "-00")
    assert kept.get_finished_spans() == ()


def test_each_attempt_is_a_span_whose_id_the_service_gets(kept: Kept) -> None:
    with Server(answers(503), answers()) as server:
        serve_a_call(server.url)
    failed, succeeded, request = kept.get_finished_spans()
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


def test_after_a_call_the_request_is_the_span_at_hand_again(kept: Kept) -> None:
    sent: list[str] = []

    def view(request: Any) -> HttpResponse:
        for _ in range(2):
            sent.append(ids_in(outgoing_headers()))
            with tracing.call_span("GET", "products"):
                sent.append(ids_in(outgoing_headers()))
        return HttpResponse()

    serve(view)
    first, second, request = map(ids_of, kept.get_finished_spans())
    assert sent == [request, first, request, second]


def test_a_refusal_of_what_was_asked_is_no_error(kept: Kept) -> None:
    with Server(answers(404)) as server:
        serve_a_call(server.url)
    call, _ = kept.get_finished_spans()
    assert call.attributes == {"http.request.method": "GET", "http.response.status_code": 404}
    assert call.status.status_code == StatusCode.UNSET


def test_an_answer_that_breaks_the_contract_is_an_error(kept: Kept) -> None:
    def check(answer: Answer) -> None:
        raise BrokenContract("products", "no name")

    with Server(answers()) as server:
        serve_a_call(server.url, check)
    call, _ = kept.get_finished_spans()
    assert (call.status.status_code, call.status.description) == (
        StatusCode.ERROR,
        "BrokenContract: products: no name",
    )


def test_an_attempt_that_nobody_answered_has_no_status_but_its_error(kept: Kept) -> None:
    with refusing() as url:
        serve_a_call(url)
    call, _, _ = kept.get_finished_spans()
    assert call.attributes == {"http.request.method": "GET"}
    assert (call.status.status_code, call.status.description) == (
        StatusCode.ERROR,
        "Unreachable: products: no connection",
    )
    assert call.events == ()  # no stack traces


def test_a_call_that_an_open_circuit_refuses_is_no_attempt(kept: Kept) -> None:
    with refusing() as url:
        products = Upstream("products", url, Policy(consecutive_failures=1, max_retries=0))
        for expected in (UpstreamError, CircuitRejected):
            with pytest.raises(expected):
                products.call(GET, lambda answer: None)
    assert len(kept.get_finished_spans()) == 1


def test_each_piece_of_work_is_a_trace_of_its_own(kept: Kept) -> None:
    begun = []
    for _ in range(2):
        with work_span("deliver order"):
            trace = begin_trace()
            begun.append(f"{trace.trace_id}-{trace.span_id}")
    spans = kept.get_finished_spans()
    assert [(span.name, span.kind, parent_of(span)) for span in spans] == [
        ("deliver order", SpanKind.INTERNAL, None)
    ] * 2
    assert [ids_of(span) for span in spans] == begun
    assert begun[0].split("-")[0] != begun[1].split("-")[0]


def test_nothing_starts_before_the_first_span_and_then_only_once() -> None:
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
def test_the_export_gives_up_soon_unless_told_otherwise(
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
