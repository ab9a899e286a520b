"""The orders project's settings, from the environment:

ORDERS_DATABASE_URL       postgresql://… instead of the SQLite file
PRODUCTS_URL              where the products service is; default http://127.0.0.1:8002
PLAZA_DATA_DIR            where the SQLite file and the secrets live instead of here and `.plaza/`
PLAZA_SECRET_…            secrets handed in: DJANGO_ORDERS, GATEWAY_ORDERS, ORDERS_PRODUCTS, OPERATOR_ORDERS
                          (each also …_FILE)
ALLOWED_HOSTS             names this service answers to, besides this machine's loopback
OTEL_EXPORTER_OTLP_ENDPOINT
                          the OpenTelemetry collector that is told of requests; needs requirements-otel.lock
DEBUG, LOG_LEVEL, METRICS_TOKEN
"""

from common import settings as plaza
from common.databases import databases
from common.logs import logging_config
from common.resilience import Policy

SERVICE_NAME = "orders"
DEBUG = plaza.env_flag("DEBUG")
SECRET_KEY, *SECRET_KEY_FALLBACKS = plaza.secret("django-orders").split("\n")
ALLOWED_HOSTS = plaza.allowed_hosts()
ROOT_URLCONF = "orders_project.urls"
WSGI_APPLICATION = "orders_project.wsgi.application"

# Who may call, by the key it shares with this service.
CALLER_KEYS = {
    "gateway": plaza.secret("gateway-orders"),
    "operator": plaza.secret("operator-orders"),
}

# Whom this service calls. Inline with a customer's request there is time for one try; `relay` repeats.
PRODUCTS_URL = plaza.env("PRODUCTS_URL", "http://127.0.0.1:8002")
PRODUCTS_KEY = plaza.secret("orders-products")
PRODUCTS_POLICY = Policy(
    deadline_s=1.5, connect_timeout_s=0.5, read_timeout_s=1.0, slow_call_s=0.9, max_retries=0, max_in_flight=8
)

INSTALLED_APPS = ["rest_framework", "drf_spectacular", "common", "orders_project.orders"]
MIDDLEWARE = plaza.SERVICE_MIDDLEWARE
REST_FRAMEWORK = plaza.SERVICE_REST_FRAMEWORK
SPECTACULAR_SETTINGS = {
    "TITLE": "Plaza orders",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "ENUM_NAME_OVERRIDES": {"OrderStatus": "orders_project.orders.models.Status"},
}

# Durable: an order that was acknowledged must outlive a loss of power.
DATABASES = databases("orders_project", durable=True)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

THREADS = 16
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
APPEND_SLASH = False
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("es", "Español")]
METRICS_TOKEN = plaza.env("METRICS_TOKEN")
LOG_LEVEL = plaza.env("LOG_LEVEL", "INFO").upper()
LOGGING = logging_config(SERVICE_NAME, LOG_LEVEL)
SILENCED_SYSTEM_CHECKS = plaza.SERVICE_SILENCED_CHECKS
