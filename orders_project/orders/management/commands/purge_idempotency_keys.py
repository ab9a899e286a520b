"""`manage.py purge_idempotency_keys`: keys past their day are only ballast; run it daily, at any hour."""

from typing import Any

from django.core.management.base import BaseCommand

from orders_project.orders.services import purge_idempotency_keys


class Command(BaseCommand):
    help = "Forget idempotency keys older than 24 hours; the orders they made stay."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"Expired idempotency keys forgotten: {purge_idempotency_keys()}")
