"""`manage.py purge_idempotency_keys`."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command

from orders_project.orders.models import IdempotencyKey
from tests.orders.rows import make_order
from tests.support.clock import Clock


@pytest.mark.django_db
def test_it_forgets_expired_keys_and_says_how_many(clock: Clock) -> None:
    order = make_order("paid")
    for hours in (23, 25, 48):
        made_at = clock.now() - timedelta(hours=hours)
        IdempotencyKey.objects.create(user_id=order.user_id, key=f"{hours} h", order=order, created_at=made_at)
    out = StringIO()
    call_command("purge_idempotency_keys", stdout=out)
    assert out.getvalue() == "Expired idempotency keys forgotten: 2\n"
    assert IdempotencyKey.objects.get().key == "23 h"
