from django.apps import AppConfig
from django.conf import settings

from common.tracing import export_spans


class CommonConfig(AppConfig):
    name = "common"

    def ready(self) -> None:
        from common import openapi  # noqa: F401 - registers itself with drf-spectacular, once apps are loaded

        export_spans(settings.SERVICE_NAME)
