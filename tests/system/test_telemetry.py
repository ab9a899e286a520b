"""One order, exported to a collector by three processes: one trace, in which each span is the child of its cause."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.support.plaza import WITHOUT_THROTTLES, Plaza, eventually
from tests.system.shop import make_product, order_body

TRACE_ID, PARENT_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
ORDERED = {"X-Request-ID": "one-order", "traceparent": f"00-{TRACE_ID}-{PARENT_ID}-01"}


@dataclass(frozen=True)
class Exported:
    service: str
    span: Span

    def attribute(self, name: str) -> object:
        values = {attribute.key: attribute.value for attribute in self.span.attributes}
        value = values[name]
        return getattr(value, value.WhichOneof("value"))


class Collector:
    """Receives spans as OpenTelemetry's own collector does: OTLP over HTTP, in protobuf."""

    def __init__(self, server: HTTPServer) -> None:
        self.url = server.url_for("").rstrip("/")
        self.exported: list[Exported] = []
        server.expect_request("/v1/traces", method="POST").respond_with_handler(self._take)

    def trace(self, trace_id: str) -> dict[tuple[str, str], Exported]:
        """By service and name of the span."""
        mine = [each for each in list(self.exported) if each.span.trace_id.hex() == trace_id]
        return {(each.service, each.span.name): each for each in mine}

    def _take(self, request: Request) -> Response:
        assert request.content_type == "application/x-protobuf"
        for resource in ExportTraceServiceRequest.FromString(request.get_data()).resource_spans:
            [name] = [one.value.string_value for one in resource.resource.attributes if one.key == "service.name"]
            self.exported += [Exported(name, span) for scope in resource.scope_spans for span in scope.spans]
        return Response(ExportTraceServiceResponse().SerializeToString(), content_type="application/x-protobuf")


@pytest.fixture
def collector() -> Iterator[Collector]:
    with HTTPServer(host="127.0.0.1", threaded=True) as server:
        yield Collector(server)
        server.check_assertions()


@pytest.fixture
def traced(collector: Collector, tmp_path: Path) -> Iterator[Plaza]:
    plaza = Plaza(
        tmp_path / "data",
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        OTEL_BSP_SCHEDULE_DELAY="200",
        NO_PROXY="127.0.0.1",
        **WITHOUT_THROTTLES,
    )
    plaza.up("--no-demo")
    try:
        yield plaza
    finally:
        plaza.down()


def test_one_order_is_one_trace_through_three_services(traced: Plaza, collector: Collector) -> None:
    product = make_product(traced.staff())
    response = traced.customer().post("/api/orders/", order_body(product), headers=ORDERED)
    assert response.status_code == 201
    way = [
        ("plaza-gateway", "POST api/orders/"),
        ("plaza-gateway", "POST orders"),
        ("plaza-orders", "POST orders/"),
        ("plaza-orders", "PUT products"),
        ("plaza-products", "PUT reservations/<uuid:order_id>/"),
    ]
    eventually(lambda: len(collector.trace(TRACE_ID)) >= len(way))
    trace = collector.trace(TRACE_ID)
    assert set(trace) == set(way)
    spans = [trace[step].span for step in way]
    assert [span.parent_span_id.hex() for span in spans] == [PARENT_ID, *(span.span_id.hex() for span in spans[:-1])]
    server, client = Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT
    assert [span.kind for span in spans] == [server, client, server, client, server]
    assert [trace[step].attribute("http.response.status_code") for step in way] == [201, 201, 201, 200, 200]
    assert {trace[step].attribute("plaza.request_id") for step in way[::2]} == {"one-order"}
    assert {span.status.code for span in spans} == {Status.STATUS_CODE_UNSET}
    for service in ("gateway", "orders", "products"):
        assert TRACE_ID in {line.get("trace_id") for line in traced.logs(service)}
    assert not [each for each in collector.exported if each.span.name.startswith(("GET health/", "GET metrics"))]
