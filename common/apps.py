from django.apps import AppConfig


class CommonConfig(AppConfig):
    name = "common"

    def ready(self) -> None:
        from common import openapi  # noqa: F401 - registers itself with drf-spectacular, once apps are loaded
