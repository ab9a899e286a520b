from django.apps import AppConfig


class AuthConfig(AppConfig):
    name = "gateway_project.auth"
    label = "gateway_auth"  # `auth` is Django's own
