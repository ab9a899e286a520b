"""The size of the outbox, counted when Prometheus asks."""

from collections.abc import Iterable

from django.db import DatabaseError
from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .models import Order, Wants
from .outbox import failing_orders

MOST_REASONS = 10


class OutboxCollector(Collector):
    """`plaza_orders_waiting` still need products. Those that it gave no verdict on are `plaza_orders_failing` too.

    `plaza_orders_oldest_waiting_seconds` is the age of the oldest of them, 0 if there is none.
    """

    def describe(self) -> Iterable[Metric]:
        return []  # otherwise registering would already query the database

    def collect(self) -> Iterable[Metric]:
        try:
            unsettled = Order.objects.exclude(wants=Wants.NOTHING)
            waiting, oldest = unsettled.aggregate(Count("pk"), Min("created_at")).values()
            by_error = failing_orders().values("last_error").annotate(orders=Count("pk")).order_by("-orders")
            reasons = list(by_error.values_list("last_error", "orders")[:MOST_REASONS])
        except DatabaseError:  # no numbers then; /health/ready says why
            return
        yield GaugeMetricFamily("plaza_orders_waiting", "Orders that still want something of products.", waiting)
        age_s = max(0.0, (timezone.now() - oldest).total_seconds()) if oldest else 0.0
        yield GaugeMetricFamily("plaza_orders_oldest_waiting_seconds", "Age of the oldest of them.", age_s)
        failing = GaugeMetricFamily(
            "plaza_orders_failing", "Orders that products gave no verdict on, by its last answer.", labels=["error"]
        )
        for error, orders in reasons:
            failing.add_metric([error], orders)
        yield failing


OUTBOX = OutboxCollector()
