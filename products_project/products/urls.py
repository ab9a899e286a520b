"""The same paths as the gateway's, without /api; `reservations/` is for orders, `audit/` for the operator."""

from django.urls import path

from . import audit, views

urlpatterns = [
    path("categories/", views.CategoryListView.as_view()),
    path("categories/<slug:slug>/", views.CategoryView.as_view()),
    path("products/", views.ProductListView.as_view()),
    path("products/<uuid:product_id>/", views.ProductView.as_view()),
    path("products/<uuid:product_id>/stock/", views.StockView.as_view()),
    path("reservations/<uuid:order_id>/", views.ReservationView.as_view()),
    path("audit/stock/", audit.StockAuditView.as_view()),
    path("audit/stock/<uuid:product_id>/", audit.ProductAuditView.as_view()),
    path("audit/reservations/", audit.ReservationsAuditView.as_view()),
    path("audit/reservations/<uuid:order_id>/", audit.ReservationAuditView.as_view()),
]
