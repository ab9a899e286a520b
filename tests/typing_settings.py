"""For mypy's Django plugin only: every project's models in one registry. Nothing runs with it."""

SECRET_KEY = "for the type checker"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "rest_framework",
    "common",
    "users_project.users",
    "products_project.products",
    "orders_project.orders",
    "gateway_project.auth",
    "gateway_project.status",
]
AUTH_USER_MODEL = "users.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
