"""`manage.py retry_orders`."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command

from orders_project.orders.outbox import claim_due
from tests.orders.rows import make_order
from tests.support.clock import Clock


@pytest.mark.django_db
def test_it_makes_failing_orders_due_and_says_how_many(clock: Clock) -> None:
    later = clock.now() + timedelta(minutes=9)
    failing = {make_order(due_at=later, attempts=8).pk for _ in range(2)}
    make_order("confirmed", attempts=3)
    out = StringIO()
    call_command("retry_orders", stdout=out)
    assert out.getvalue() == "Orders made due at once: 2\n"
    assert {order.pk for order in claim_due(10)} == failing
    assert {order.attempts for order in claim_due(10)} == set()
