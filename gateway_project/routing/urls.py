"""The route table as URL patterns: one small subclass of the proxy view a path."""

from typing import Any

from django.urls import URLPattern, path

from .routes import ROUTES, Route
from .views import ProxyView


def _pattern(route: Route) -> URLPattern:
    methods = [method.lower() for method in (*route.operations, "OPTIONS")]
    if "GET" in route.operations:
        methods.append("head")
    view: Any = type(
        f"{route.name.title().replace('-', '')}View",
        (ProxyView,),
        {"route": route, "http_method_names": methods, "__doc__": None},
    )
    pattern: URLPattern = path(route.path, view.as_view(), name=route.name)
    return pattern


urlpatterns = [_pattern(route) for route in ROUTES]
