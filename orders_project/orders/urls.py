"""The gateway's paths without /api. `audit/` is for the operator."""

from django.urls import path

from . import audit, views

urlpatterns = [
    path("orders/", views.OrderListView.as_view()),
    path("orders/<uuid:order_id>/", views.OrderView.as_view()),
    path("orders/<uuid:order_id>/cancel/", views.CancelView.as_view()),
    path("audit/orders/", audit.OrderAudit.as_view({"get": "list"})),
    path("audit/orders/<uuid:order_id>/", audit.OrderAudit.as_view({"get": "retrieve"})),
]
