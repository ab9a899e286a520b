"""The route table as URL patterns."""

from typing import Any

from django.urls import path

from .operations import Route
from .routes import ROUTES
from .views import ProxyView


def _view_of(route: Route) -> Any:
    view: Any = ProxyView.as_view(route=route, http_method_names=route.http_method_names)
    view.max_body_bytes = route.max_body_bytes  # for `BodyLimitMiddleware`
    return view


urlpatterns = [path(route.path, _view_of(route), name=route.name) for route in ROUTES]
