"""For mypy's Django plugin only: every project's models and settings in one place. Nothing runs with it."""

from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from common.server.limits import Limits

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
    "gateway_project.site",
]
AUTH_USER_MODEL = "users.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True

SERVICE_NAME: str = ""
VERSION: str = ""
SERVER_PORT: int = 0
CALLER_KEYS: dict[str, str] = {}
SERVER_LIMITS: Limits = Limits()
STATEMENT_LIMIT_S: float = 1.0
MAX_BODY_BYTES: int = 1
MAX_ORDER_BODY_BYTES: int = 1
LOG_LEVEL: str = "INFO"
METRICS_TOKEN: str = ""
RELAY_METRICS_PORT: int = 0
REDIS_URL: str = ""
PRODUCTS_URL: str = ""
PRODUCTS_KEY: str = ""
PRODUCTS_POLICY: Any = None
DEADLINE_S: float = 0.0
UPSTREAMS: dict[str, dict[str, Any]] = {}
ACCESS_LIFETIME: timedelta = timedelta()
REFRESH_LIFETIME: timedelta = timedelta()
SESSION_LIFETIME: timedelta = timedelta()
REVOCATION_POLL_S: float = 0.0
COOKIE_PREFIX: str = ""
CORS_ALLOWED_ORIGINS: list[str] = []
IS_HTTPS: bool = False
PUBLIC_URL: str = ""
JWT_KEYS: str = ""
JWT_ISSUER: str = ""
JWT_AUDIENCE: str = ""
THROTTLES: dict[str, int] = {}
TRUSTED_PROXIES: list[IPv4Network | IPv6Network] = []
