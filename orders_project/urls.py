"""The orders service's paths."""

from django.urls import include, path

from common.api import errors

urlpatterns = [path("", include("orders_project.orders.urls")), path("", include("common.observability.health"))]

handler400 = errors.bad_request
handler403 = errors.permission_denied
handler404 = errors.not_found
handler500 = errors.server_error
