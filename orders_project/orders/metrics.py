"""The outbox in numbers, read when Prometheus asks."""

from collections.abc import Iterable

from django.db import DatabaseError
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .models import Order, Wants


class OutboxCollector(Collector):
    """`plaza_orders_waiting` want something of products; `plaza_orders_parked` wait for `manage.py retry_parked`."""

    def describe(self) -> Iterable[Metric]:
        return []  # or registering would already ask the database

    def collect(self) -> Iterable[Metric]:
        try:
            unfinished = Order.objects.exclude(wants=Wants.NOTHING)
            waiting = unfinished.filter(parked_at=None).count()
            parked = unfinished.exclude(parked_at=None).count()
        except DatabaseError:  # what can't be counted is left out; /health/ready says why
            return
        yield GaugeMetricFamily("plaza_orders_waiting", "Orders that still want something of products.", waiting)
        yield GaugeMetricFamily("plaza_orders_parked", "Orders that the relay has given up on until told.", parked)


OUTBOX = OutboxCollector()
