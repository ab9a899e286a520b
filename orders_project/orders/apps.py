from django.apps import AppConfig

from common.observability.metrics import register_collector


class OrdersConfig(AppConfig):
    name = "orders_project.orders"
    label = "orders"

    def ready(self) -> None:
        from .metrics import OUTBOX  # it imports a model, which works only after all apps are loaded

        register_collector(OUTBOX)
