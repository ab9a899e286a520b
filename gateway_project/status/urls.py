from django.urls import path

from . import views

api_urlpatterns = [path("status/", views.StatusView.as_view(), name="status-api")]
page_urlpatterns = [path("status/", views.status_page, name="status")]
