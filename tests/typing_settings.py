"""For mypy's Django plugin only: every project's models and settings in one place. Nothing runs with it."""

from datetime import timedelta
from typing import Any

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

SERVICE_NAME: str = ""
CALLER_KEYS: dict[str, str] = {}
THREADS: int = 1
LOG_LEVEL: str = "INFO"
METRICS_TOKEN: str = ""
REDIS_URL: str = ""
PRODUCTS_URL: str = ""
PRODUCTS_KEY: str = ""
PRODUCTS_POLICY: Any = None
UPSTREAMS: dict[str, dict[str, Any]] = {}
ACCESS_LIFETIME: timedelta = timedelta()
REFRESH_LIFETIME: timedelta = timedelta()
SESSION_LIFETIME: timedelta = timedelta()
REVOCATION_POLL_S: float = 0.0
COOKIE_PREFIX: str = ""
IS_HTTPS: bool = False
JWT_KEYS: str = ""
JWT_ISSUER: str = ""
JWT_AUDIENCE: str = ""
THROTTLES: dict[str, int] = {}
TRUSTED_PROXIES: list[str] = []
