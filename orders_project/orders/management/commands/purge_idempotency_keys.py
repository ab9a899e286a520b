"""`manage.py purge_idempotency_keys` deletes expired keys. `relay` does it every hour."""

from typing import Any

from django.core.management.base import BaseCommand

from orders_project.orders.services import purge_idempotency_keys


class Command(BaseCommand):
    help = "Forget idempotency keys older than 24 hours; the orders they made stay."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"Expired idempotency keys forgotten: {purge_idempotency_keys()}")
