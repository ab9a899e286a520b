"""With spans on, each question of the relay is a trace of its own, and its call to products is a part of it."""

import pytest
from django.core.management import call_command
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from common.observability import tracing
from common.observability.telemetry import Spans
from tests.orders.fake_products import FakeProducts
from tests.orders.rows import make_order


@pytest.mark.django_db
@pytest.mark.usefixtures("handlers")
def test_each_question_of_the_relay_is_a_trace_of_its_own(
    products: FakeProducts, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter = InMemorySpanExporter()
    monkeypatch.setattr(tracing, "spans", Spans("orders", lambda: SimpleSpanProcessor(exporter)))
    for _ in range(2):
        make_order("cancelled", wants="released")
    call_command("relay", once=True)
    first_call, first, second_call, second = exporter.get_finished_spans()
    assert [span.name for span in (first_call, first, second_call, second)] == ["DELETE products", "deliver orders"] * 2
    assert (first.parent, second.parent) == (None, None)
    assert (first_call.parent, second_call.parent) == (first.context, second.context)
    assert first.context is not None
    assert second.context is not None
    assert first.context.trace_id != second.context.trace_id
