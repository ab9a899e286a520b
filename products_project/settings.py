"""The products project's settings, from the environment:

PRODUCTS_DATABASE_URL     postgresql://… instead of the SQLite file
PLAZA_DATA_DIR            where the SQLite file and the secrets are, instead of here and in `.plaza/`
PLAZA_SECRET_…            secrets handed in: DJANGO_PRODUCTS, GATEWAY_PRODUCTS, ORDERS_PRODUCTS,
                          OPERATOR_PRODUCTS (each also …_FILE)
STATEMENT_LIMIT_S         seconds after which a statement of a read ends with 422; default 1
MAX_BODY_BYTES            how large a request's body may be; default 65536
HEAD_TIMEOUT_S, …         how slow callers may be, and how many, as in the gateway's settings
PRODUCTS_WORKERS          processes, 1 by default
PRODUCTS_REPLICAS         how many containers run this, 1 by default; counted against PostgreSQL's connections
ALLOWED_HOSTS             names this service answers to, besides this machine's loopback
OTEL_EXPORTER_OTLP_ENDPOINT
                          the OpenTelemetry collector that gets the spans; needs requirements-otel.lock
DEBUG, LOG_LEVEL, METRICS_TOKEN
"""

from common import settings as plaza
from common.databases import databases
from common.observability.logs import logging_config
from common.origins import allowed_hosts
from common.server.limits import Limits

SERVICE_NAME = "products"
SERVER_PORT = 8002
DEBUG = plaza.env_flag("DEBUG")
SECRET_KEY, *SECRET_KEY_FALLBACKS = plaza.secret("django-products").split("\n")
ALLOWED_HOSTS = allowed_hosts()
ROOT_URLCONF = "products_project.urls"
WSGI_APPLICATION = "products_project.wsgi.application"

# The callers of this service, each with the key that they share.
CALLER_KEYS = {
    "gateway": plaza.secret("gateway-products"),
    "orders": plaza.secret("orders-products"),
    "operator": plaza.secret("operator-products"),
}

INSTALLED_APPS = ["rest_framework", *plaza.SCHEMA_APPS, "common", "products_project.products"]
MIDDLEWARE = [*plaza.SERVICE_MIDDLEWARE, "django.middleware.http.ConditionalGetMiddleware"]
REST_FRAMEWORK = plaza.SERVICE_REST_FRAMEWORK
SPECTACULAR_SETTINGS = {"TITLE": "Plaza products", "VERSION": plaza.VERSION, "OAS_VERSION": "3.1.0"}

# Durable: an acknowledged reservation must survive a power failure.
DATABASES = databases("products_project", durable=True)
STATEMENT_LIMIT_S = plaza.env_number("STATEMENT_LIMIT_S", 1.0)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# More threads than the callers' lanes have places: gateway 16, orders 8, and their probes.
SERVER_LIMITS = Limits.for_service(threads=32)
MAX_BODY_BYTES = DATA_UPLOAD_MAX_MEMORY_SIZE = plaza.body_limit("MAX_BODY_BYTES", 65_536)
APPEND_SLASH = False
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("es", "Español")]
LOCALE_PATHS = [plaza.ROOT / "products_project" / "locale"]
METRICS_TOKEN = plaza.env("METRICS_TOKEN")
LOG_LEVEL = plaza.env("LOG_LEVEL", "INFO").upper()
LOGGING = logging_config(SERVICE_NAME, LOG_LEVEL)
SILENCED_SYSTEM_CHECKS = plaza.SERVICE_SILENCED_CHECKS
