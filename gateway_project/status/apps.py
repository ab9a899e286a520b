from django.apps import AppConfig


class StatusConfig(AppConfig):
    name = "gateway_project.status"
    label = "gateway_status"
