from django.apps import AppConfig


class RoutingConfig(AppConfig):
    name = "gateway_project.routing"
    label = "gateway_routing"

    def ready(self) -> None:
        from . import openapi  # noqa: F401 - registers the security scheme, once apps are loaded
