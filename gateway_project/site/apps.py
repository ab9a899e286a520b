from django.apps import AppConfig


class SiteConfig(AppConfig):
    name = "gateway_project.site"
    label = "gateway_site"
