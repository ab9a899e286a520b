"""The gateway's paths without /api. `reservations/` is for the orders service, `audit/` for the operator."""

from django.urls import path

from . import audit, views

urlpatterns = [
    path("categories/", views.CategoryListView.as_view()),
    path("categories/<slug:slug>/", views.CategoryView.as_view()),
    path("products/", views.ProductListView.as_view()),
    path("products/<uuid:product_id>/", views.ProductView.as_view()),
    path("products/<uuid:product_id>/stock/", views.StockView.as_view()),
    path("reservations/", views.ReservationBatchView.as_view()),
    path("reservations/<uuid:order_id>/", views.ReservationView.as_view()),
    path("audit/stock/", audit.StockAudit.as_view({"get": "list"})),
    path("audit/stock/<uuid:product_id>/", audit.StockAudit.as_view({"get": "retrieve"})),
    path("audit/reservations/", audit.ReservationAudit.as_view({"get": "list"})),
    path(
        "audit/reservations/<uuid:order_id>/", audit.ReservationAudit.as_view({"get": "retrieve", "delete": "destroy"})
    ),
]
