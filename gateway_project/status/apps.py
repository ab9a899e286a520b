from django.apps import AppConfig
from django.conf import settings
from django.core.signals import request_started


class StatusConfig(AppConfig):
    name = "gateway_project.status"
    label = "gateway_status"

    def ready(self) -> None:
        if settings.REDIS_URL:
            from .publisher import publisher  # once apps are loaded: it leads to models

            request_started.connect(publisher.begin)
