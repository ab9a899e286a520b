from django.apps import AppConfig

from common.metrics import add_state


class OrdersConfig(AppConfig):
    name = "orders_project.orders"
    label = "orders"

    def ready(self) -> None:
        from .metrics import OUTBOX  # reads a model, so only once apps are loaded

        add_state(OUTBOX)
