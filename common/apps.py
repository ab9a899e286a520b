from django.apps import AppConfig, apps
from django.conf import settings

from common.chores import chores
from common.observability.metrics import BuildInfo, register_collector
from common.observability.tracing import export_spans
from common.sqlite.statistics import keep_statistics
from common.storage import Room
from common.version import VERSION


class CommonConfig(AppConfig):
    name = "common"

    def ready(self) -> None:
        if apps.is_installed("drf_spectacular"):
            from common.api import openapi  # noqa: F401 - registers itself with the library, once apps are loaded
        export_spans(settings.SERVICE_NAME)
        register_collector(BuildInfo(settings.SERVICE_NAME, VERSION))
        register_collector(Room())
        chores.add(3600, keep_statistics)
