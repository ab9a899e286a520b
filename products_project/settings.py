"""The products project's settings, from the environment:

PRODUCTS_DATABASE_URL     postgresql://… instead of the SQLite file
PLAZA_DATA_DIR            where the SQLite file and the secrets live instead of here and `.plaza/`
PLAZA_SECRET_…            secrets handed in: DJANGO_PRODUCTS, GATEWAY_PRODUCTS, ORDERS_PRODUCTS,
                          OPERATOR_PRODUCTS (each also …_FILE)
ALLOWED_HOSTS             names this service answers to, besides this machine's loopback
OTEL_EXPORTER_OTLP_ENDPOINT
                          the OpenTelemetry collector that is told of requests; needs requirements-otel.lock
DEBUG, LOG_LEVEL, METRICS_TOKEN
"""

from common import settings as plaza
from common.databases import databases
from common.logs import logging_config

SERVICE_NAME = "products"
DEBUG = plaza.env_flag("DEBUG")
SECRET_KEY, *SECRET_KEY_FALLBACKS = plaza.secret("django-products").split("\n")
ALLOWED_HOSTS = plaza.allowed_hosts()
ROOT_URLCONF = "products_project.urls"
WSGI_APPLICATION = "products_project.wsgi.application"

# Who may call, by the key it shares with this service.
CALLER_KEYS = {
    "gateway": plaza.secret("gateway-products"),
    "orders": plaza.secret("orders-products"),
    "operator": plaza.secret("operator-products"),
}

INSTALLED_APPS = ["rest_framework", "drf_spectacular", "common", "products_project.products"]
MIDDLEWARE = [*plaza.SERVICE_MIDDLEWARE, "django.middleware.http.ConditionalGetMiddleware"]
REST_FRAMEWORK = plaza.SERVICE_REST_FRAMEWORK
SPECTACULAR_SETTINGS = {"TITLE": "Plaza products", "VERSION": "1", "OAS_VERSION": "3.1.0"}

# Durable: a reservation that was acknowledged must outlive a loss of power.
DATABASES = databases("products_project", durable=True)
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
