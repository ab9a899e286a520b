"""The orders project's settings, from the environment:

ORDERS_DATABASE_URL       postgresql://… instead of the SQLite file
PRODUCTS_URL              where the products service is; default http://127.0.0.1:8002
UPSTREAM_…, PRODUCTS_RESERVATIONS_…
                          numbers of `common.resilience.Policy` for calls to products
PLAZA_DATA_DIR            where the SQLite file and the secrets are, instead of here and in `.plaza/`
PLAZA_SECRET_…            secrets handed in: DJANGO_ORDERS, GATEWAY_ORDERS, ORDERS_PRODUCTS, OPERATOR_ORDERS
                          (each also …_FILE)
STATEMENT_LIMIT_S         seconds after which a statement of a read ends with 422; default 1
MAX_ORDER_BODY_BYTES      how large a request's body may be, as in the gateway's settings; default 262144
HEAD_TIMEOUT_S, …         how slow callers may be, and how many, as in the gateway's settings
RELAY_METRICS_PORT        where the relay has its /metrics; default: nowhere
ORDERS_WORKERS            processes, 1 by default
ORDERS_REPLICAS           how many containers run this, 1 by default; counted against PostgreSQL's connections
ALLOWED_HOSTS             names this service answers to, besides this machine's loopback
OTEL_EXPORTER_OTLP_ENDPOINT
                          the OpenTelemetry collector that gets the spans; needs requirements-otel.lock
DEBUG, LOG_LEVEL, METRICS_TOKEN
"""

from common import settings as plaza
from common.databases import databases
from common.observability.logs import logging_config
from common.origins import allowed_hosts, env_base_url
from common.resilience import Policy
from common.server.limits import Limits

SERVICE_NAME = "orders"
SERVER_PORT = 8003
DEBUG = plaza.env_flag("DEBUG")
SECRET_KEY, *SECRET_KEY_FALLBACKS = plaza.secret("django-orders").split("\n")
ALLOWED_HOSTS = allowed_hosts()
ROOT_URLCONF = "orders_project.urls"
WSGI_APPLICATION = "orders_project.wsgi.application"

# The callers of this service, each with the key that they share.
CALLER_KEYS = {
    "gateway": plaza.secret("gateway-orders"),
    "operator": plaza.secret("operator-orders"),
}

# The service that this one calls. During a customer's request there is time for one try; `relay` tries again. These are
# the times for a call without lines; each line of an order adds a little.
PRODUCTS_URL = env_base_url("PRODUCTS_URL", "http://127.0.0.1:8002")
PRODUCTS_KEY = plaza.secret("orders-products")
PRODUCTS_POLICY = Policy.from_environment(
    "products_reservations",
    plaza.env,
    deadline_s=1.5,
    read_timeout_s=1.0,
    slow_call_s=0.9,
    max_retries=0,
    max_waiting=64,
)

INSTALLED_APPS = ["rest_framework", *plaza.SCHEMA_APPS, "common", "orders_project.orders"]
MIDDLEWARE = plaza.SERVICE_MIDDLEWARE
REST_FRAMEWORK = plaza.SERVICE_REST_FRAMEWORK
SPECTACULAR_SETTINGS = {
    "TITLE": "Plaza orders",
    "VERSION": plaza.VERSION,
    "OAS_VERSION": "3.1.0",
    "ENUM_NAME_OVERRIDES": {"OrderStatus": "orders_project.orders.models.Status"},
}

# Durable: an acknowledged order must survive a power failure.
DATABASES = databases("orders_project", durable=True)
STATEMENT_LIMIT_S = plaza.env_number("STATEMENT_LIMIT_S", 1.0)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

SERVER_LIMITS = Limits.for_service(threads=24)  # more than the lanes of its callers have places, and their probes
MAX_BODY_BYTES = DATA_UPLOAD_MAX_MEMORY_SIZE = plaza.body_limit("MAX_ORDER_BODY_BYTES", 262_144)
APPEND_SLASH = False
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("es", "Español")]
LOCALE_PATHS = [plaza.ROOT / "orders_project" / "locale"]
METRICS_TOKEN = plaza.env("METRICS_TOKEN")
RELAY_METRICS_PORT = int(plaza.env_number("RELAY_METRICS_PORT", 0, above=-1))
LOG_LEVEL = plaza.env("LOG_LEVEL", "INFO").upper()
LOGGING = logging_config(SERVICE_NAME, LOG_LEVEL)
SILENCED_SYSTEM_CHECKS = plaza.SERVICE_SILENCED_CHECKS
