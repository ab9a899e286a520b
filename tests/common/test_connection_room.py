"""The connections that a service keeps, against what PostgreSQL allows. `system/test_postgres.py` asks one."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from structlog.testing import capture_logs

from common.connection_room import check_room, judge


@pytest.mark.parametrize(
    ("others", "warnings"),
    [(0, []), (4, []), (5, ["PostgreSQL may run out of connections"])],
)
def test_what_others_leave_is_looked_at(others: int, warnings: list[str]) -> None:
    with capture_logs() as said:
        judge("orders", 24, 2, 2, room=100, others=others)
    assert [line["event"] for line in said] == warnings


def test_what_can_never_fit_is_refused_with_the_sum_and_the_mend() -> None:
    with pytest.raises(ImproperlyConfigured) as raised:
        judge("orders", 24, 3, 2, room=97, others=0)
    assert str(raised.value) == (
        "orders needs 24 threads × 3 workers × 2 replicas = 144 connections, and PostgreSQL allows 97. "
        "Raise max_connections of the server, or lower ORDERS_WORKERS or --threads."
    )


def test_a_file_has_room_for_all() -> None:
    check_room(10_000, 100)
