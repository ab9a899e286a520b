from django.apps import AppConfig


class UsersConfig(AppConfig):
    name = "users_project.users"
    label = "users"
