"""`manage.py retry_parked`: once the cause is mended, orders that `relay` gave up on are due again."""

from typing import Any

from django.core.management.base import BaseCommand

from orders_project.orders.outbox import retry_parked


class Command(BaseCommand):
    help = "Make parked orders due again; run it when what products did not understand has been mended."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"Parked orders made due again: {retry_parked()}")
