from django.apps import AppConfig

from common.chores import chores


class UsersConfig(AppConfig):
    name = "users_project.users"
    label = "users"

    def ready(self) -> None:
        from .postman import postman  # both have models
        from .search import INDEX

        INDEX.keep(self)
        chores.add(60, postman.wake)
