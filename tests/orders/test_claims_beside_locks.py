"""On PostgreSQL: a relay passes over what another transaction holds, instead of waiting behind it."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction

from orders_project.orders.models import Order
from orders_project.orders.outbox import claim_due
from tests.orders.rows import make_order
from tests.support.clock import Clock

PATIENCE_S = 20.0


@pytest.mark.django_db(transaction=True)
def test_an_order_that_somebody_has_locked_keeps_no_other_waiting(clock: Clock) -> None:
    oldest, other = [make_order(due_at=clock.now() - timedelta(seconds=age)).pk for age in (9, 1)]
    is_locked, may_go = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                Order.objects.select_for_update().get(pk=oldest)
                is_locked.set()
                assert may_go.wait(PATIENCE_S)
        finally:
            connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert is_locked.wait(PATIENCE_S)
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '3s'")  # else a claim that waits would wait for this test's end
        assert [order.pk for order in claim_due(5)] == [other]
    finally:
        may_go.set()
        holder.join(PATIENCE_S)
        connection.close()
    assert [order.pk for order in claim_due(5)] == [oldest]
