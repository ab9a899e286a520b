"""The metrics of the outbox."""

from datetime import timedelta

import pytest
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone

from orders_project.orders import metrics
from orders_project.orders.metrics import OUTBOX
from orders_project.orders.models import Order
from tests.orders.rows import make_order

OLDEST = "plaza_orders_oldest_waiting_seconds"


def told() -> dict[str, float]:
    lines = Client().get("/metrics").content.decode().splitlines()
    pairs = [line.rpartition(" ") for line in lines if line.startswith("plaza_orders_")]
    values = {name: float(value) for name, _, value in pairs}
    assert 0 <= values.pop(OLDEST) < 60
    return values


@pytest.mark.django_db
def test_waiting_orders_are_counted_and_those_without_a_verdict_by_its_reason() -> None:
    assert told() == {"plaza_orders_waiting": 0}
    make_order()
    for error, orders in (("products: answered 404", 2), ("products: answered 500", 1)):
        for _ in range(orders):
            make_order(attempts=3, last_error=error)
    make_order("confirmed", attempts=2)
    assert told() == {
        "plaza_orders_waiting": 4,
        'plaza_orders_failing{error="products: answered 404"}': 2,
        'plaza_orders_failing{error="products: answered 500"}': 1,
    }


@pytest.mark.django_db
def test_the_age_of_the_oldest_waiting_order_is_told() -> None:
    make_order("confirmed")
    make_order()
    order = make_order()
    Order.objects.filter(pk=order.pk).update(created_at=timezone.now() - timedelta(seconds=90))
    (age_s,) = [each.samples[0].value for each in OUTBOX.collect() if each.name == OLDEST]
    assert 90 <= age_s < 120


@pytest.mark.django_db
def test_only_the_most_frequent_reasons_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "MOST_REASONS", 2)
    for number, orders in enumerate((1, 3, 2)):
        for _ in range(orders):
            make_order(attempts=1, last_error=f"e{number}")
    reasons = {name for name in told() if "failing" in name}
    assert reasons == {'plaza_orders_failing{error="e1"}', 'plaza_orders_failing{error="e2"}'}


def test_registering_asks_no_database() -> None:
    assert list(OUTBOX.describe()) == []


def test_a_failing_database_costs_only_these_two(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr(Order.objects, "exclude", fail)
    assert list(OUTBOX.collect()) == []
