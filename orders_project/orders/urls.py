"""The same paths as the gateway's, without /api."""

from django.urls import path

from . import views

urlpatterns = [
    path("orders/", views.OrderListView.as_view()),
    path("orders/<uuid:order_id>/", views.OrderView.as_view()),
    path("orders/<uuid:order_id>/cancel/", views.CancelView.as_view()),
]
