"""`manage.py retry_parked`."""

from io import StringIO

import pytest
from django.core.management import call_command

from tests.orders.clock import Clock
from tests.orders.rows import make_order


@pytest.mark.django_db
def test_it_makes_parked_orders_due_and_says_how_many(clock: Clock) -> None:
    parked = [make_order(parked_at=clock.now(), attempts=8) for _ in range(2)]
    make_order()
    out = StringIO()
    call_command("retry_parked", stdout=out)
    assert out.getvalue() == "Parked orders made due again: 2\n"
    for order in parked:
        order.refresh_from_db()
        assert (order.parked_at, order.attempts) == (None, 0)
