import json
import logging
import re
from typing import Any

import pytest
import structlog
from django.conf import settings
from django.http import HttpResponse
from django.test import Client, RequestFactory

from common.observability import tracing
from common.observability.tracing import (
    RequestMiddleware,
    begin_trace,
    current_request_id,
    current_trace,
    note,
    outgoing_headers,
)

TRACE_ID, PARENT_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-01")


@pytest.fixture
def without_trace() -> Any:
    token = tracing._current.set(None)
    yield
    tracing._current.reset(token)


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The lines that `plaza.request` logged, as the process would write them."""
    formatter = logging.getLogger().handlers[0].formatter
    assert formatter is not None
    return [json.loads(formatter.format(record)) for record in caplog.records if record.name == "plaza.request"]


@pytest.mark.parametrize("request_id", ["a", "A-z_0.9", "x" * 64, "0192f3a4-0000-7000-8000-000000000000"])
def test_a_callers_request_id_is_taken(request_id: str) -> None:
    assert begin_trace(request_id).request_id == request_id
    assert current_request_id() == request_id


@pytest.mark.parametrize("request_id", ["", "x" * 65, "a b", "a\nb", "ñ", "<script>", "a/b", "a\n"])
def test_a_malformed_request_id_is_replaced(request_id: str) -> None:
    made = begin_trace(request_id).request_id
    assert UUID7.fullmatch(made)
    assert begin_trace(request_id).request_id != made


@pytest.mark.parametrize("flags", ["00", "01", "ff"])
def test_a_callers_trace_continues_with_a_new_span_id(flags: str) -> None:
    trace = begin_trace("", f"00-{TRACE_ID}-{PARENT_ID}-{flags}")
    assert trace.trace_id == TRACE_ID
    assert trace.span_id != PARENT_ID
    assert trace.traceparent == f"00-{TRACE_ID}-{trace.span_id}-01"


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        TRACE_ID,
        f"ff-{TRACE_ID}-{PARENT_ID}-01",
        f"00-{'0' * 32}-{PARENT_ID}-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"00-{TRACE_ID.upper()}-{PARENT_ID}-01",
        f"00-{TRACE_ID[:-1]}-{PARENT_ID}-01",
        f"00-{TRACE_ID}-{PARENT_ID}-1",
        f"00-{TRACE_ID}-{PARENT_ID}-01\n",
        f"00-{TRACE_ID}-{PARENT_ID}",
    ],
)
def test_a_malformed_traceparent_is_replaced(traceparent: str) -> None:
    trace = begin_trace("", traceparent)
    assert trace.trace_id != TRACE_ID
    assert TRACEPARENT.fullmatch(trace.traceparent)


def test_outgoing_headers_name_the_trace_and_this_span() -> None:
    trace = begin_trace("request-1", f"00-{TRACE_ID}-{PARENT_ID}-01")
    assert outgoing_headers() == {"X-Request-ID": "request-1", "traceparent": f"00-{TRACE_ID}-{trace.span_id}-01"}
    assert outgoing_headers() == outgoing_headers()


@pytest.mark.usefixtures("without_trace")
def test_a_call_outside_any_request_starts_one_trace() -> None:
    assert (current_trace(), current_request_id()) == (None, None)
    headers = outgoing_headers()
    assert UUID7.fullmatch(headers["X-Request-ID"])
    assert outgoing_headers() == headers


@pytest.mark.usefixtures("without_trace")
def test_a_note_outside_any_request_is_dropped() -> None:
    note(upstream="products")
    assert current_trace() is None


def test_the_log_lines_of_a_request_do_not_name_the_previous_one(caplog: pytest.LogCaptureFixture) -> None:
    begin_trace("request-1")
    trace = begin_trace("request-2", f"00-{TRACE_ID}-{PARENT_ID}-01")
    assert current_trace() is trace
    with caplog.at_level(logging.INFO):
        structlog.get_logger("tea").info("boiled")
        structlog.get_logger("tea").info("refused", request_id="request-3")  # of another than this one
    said: list[Any] = [record.msg for record in caplog.records]
    assert [(line["request_id"], line["trace_id"]) for line in said] == [
        ("request-2", TRACE_ID),
        ("request-3", TRACE_ID),
    ]


def test_a_request_is_one_log_line_with_all_its_fields(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    headers = {"X-Request-ID": "request-1", "traceparent": f"00-{TRACE_ID}-{PARENT_ID}-01"}
    with caplog.at_level(logging.INFO):
        response = client.get("/products/?search=tea", headers=headers)
    assert (response.status_code, response["X-Request-ID"]) == (401, "request-1")
    [line] = lines(caplog)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line.pop("timestamp"))
    assert 0 <= line.pop("duration_ms") < 10_000
    assert line == {
        "event": "request",
        "logger": "plaza.request",
        "level": "info",
        "service": settings.SERVICE_NAME,
        "request_id": "request-1",
        "trace_id": TRACE_ID,
        "method": "GET",
        "route": "products/",
        "status": 401,
    }


def test_notes_are_in_the_log_line(caplog: pytest.LogCaptureFixture) -> None:
    def view(request: Any) -> HttpResponse:
        note(upstream="products", user_id=None)
        note(user_id="1")
        return HttpResponse(status=204)

    with caplog.at_level(logging.INFO):
        RequestMiddleware(view)(RequestFactory().post("/x/"))
    [line] = lines(caplog)
    assert {name: line[name] for name in ("upstream", "user_id", "method", "route", "status")} == {
        "upstream": "products",
        "user_id": "1",
        "method": "POST",
        "route": "unmatched",
        "status": 204,
    }


def test_the_answer_has_the_id_that_replaced_a_malformed_one(client: Client) -> None:
    response = client.get("/health/live", headers={"X-Request-ID": "a b", "traceparent": "nonsense"})
    assert UUID7.fullmatch(response["X-Request-ID"])


def test_an_unknown_path_is_not_in_the_log(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        client.get("/secret/path/")
    [line] = lines(caplog)
    assert (line["route"], line["status"]) == ("unmatched", 404)
    assert "secret" not in json.dumps(line)


@pytest.mark.parametrize("path", ["/health/live", "/metrics"])
def test_health_checks_and_scrapes_have_no_log_line(
    client: Client, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    with caplog.at_level(logging.INFO):
        assert client.get(path).status_code == 200
    assert lines(caplog) == []
