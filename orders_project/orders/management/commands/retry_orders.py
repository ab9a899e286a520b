"""`manage.py retry_orders` makes all orders due that products gave no verdict on. Run it when the cause is fixed."""

from typing import Any

from django.core.management.base import BaseCommand

from orders_project.orders.outbox import retry_now


class Command(BaseCommand):
    help = "Make due at once what `relay` tries ever more rarely; run it when the cause is fixed."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"Orders made due at once: {retry_now()}")
