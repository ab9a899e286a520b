"""The same paths as the gateway's, without /api; `reservations/` is for the orders service."""

from django.urls import path

from . import views

urlpatterns = [
    path("categories/", views.CategoryListView.as_view()),
    path("categories/<slug:slug>/", views.CategoryView.as_view()),
    path("products/", views.ProductListView.as_view()),
    path("products/<uuid:product_id>/", views.ProductView.as_view()),
    path("products/<uuid:product_id>/stock/", views.StockView.as_view()),
    path("reservations/<uuid:order_id>/", views.ReservationView.as_view()),
]
