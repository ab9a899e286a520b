"""What the outbox tells Prometheus."""

import pytest
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone

from orders_project.orders.metrics import OUTBOX
from orders_project.orders.models import Order
from tests.orders.rows import make_order


def told() -> dict[str, float]:
    lines = Client().get("/metrics").content.decode().splitlines()
    return {name: float(value) for name, value in (line.split() for line in lines if line.startswith("plaza_orders_"))}


@pytest.mark.django_db
def test_waiting_and_parked_orders_are_counted() -> None:
    assert told() == {"plaza_orders_waiting": 0, "plaza_orders_parked": 0}
    make_order("pending", wants="held")
    make_order("pending", wants="held")
    make_order("pending", wants="held", parked_at=timezone.now())
    make_order("confirmed")
    assert told() == {"plaza_orders_waiting": 2, "plaza_orders_parked": 1}


def test_registering_asks_no_database() -> None:
    assert list(OUTBOX.describe()) == []


def test_a_failing_database_costs_only_these_two(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr(Order.objects, "exclude", fail)
    assert list(OUTBOX.collect()) == []
