from django.apps import AppConfig
from django.conf import settings
from django.core.signals import request_started

from common.chores import chores
from gateway_project.upstreams.signals import circuit_changed


class StatusConfig(AppConfig):
    name = "gateway_project.status"
    label = "gateway_status"

    def ready(self) -> None:
        from .recorder import recorder  # once apps are loaded: these lead to models
        from .tidying import tidy

        circuit_changed.connect(recorder.record)
        chores.add(3600, tidy)
        if settings.REDIS_URL:
            from .publisher import publisher

            request_started.connect(publisher.start)
