"""The gateway's settings, from the environment:

PUBLIC_URL                how people reach the gateway, as in https://shop.example; with https, every request counts
                          as secure, whatever the proxy in front says; default: http://127.0.0.1:8000
USERS_URL, PRODUCTS_URL, ORDERS_URL
                          where the services are; default: this machine's ports 8001, 8002, 8003
GATEWAY_DATABASE_URL      postgresql://… instead of the SQLite file
REDIS_URL                 throttles and cache shared by several gateway processes
PLAZA_DATA_DIR            where the SQLite file and the secrets live instead of here and `.plaza/`
PLAZA_SECRET_…            secrets handed in: DJANGO_GATEWAY, JWT_SIGNING, GATEWAY_USERS, GATEWAY_PRODUCTS,
                          GATEWAY_ORDERS (each also …_FILE)
ALLOWED_HOSTS             names the gateway answers to, besides PUBLIC_URL's and this machine's loopback
CORS_ALLOWED_ORIGINS      origins whose scripts may call, without credentials; default: none
TRUSTED_PROXIES           addresses and networks, as in 10.0.0.7, fd00::/8, whose X-Forwarded-For is believed;
                          default: none
THROTTLE_USER, THROTTLE_ADDRESS
                          requests a minute, 0 for any number; see THROTTLES for this and the defaults
THROTTLE_RESET_ACCOUNT, THROTTLE_RESET_ADDRESS
                          requests an hour for a new password, 0 for any number
THROTTLE_GUESSES, THROTTLE_SIGN_IN_ACCOUNT, THROTTLE_SIGN_IN_ADDRESS
                          wrong passwords an hour, 0 for any number
UPSTREAM_…, USERS_ACCOUNTS_…, PRODUCTS_SEARCH_…
                          numbers of `common.resilience.Policy` for all lanes or for one of LANES, for example
                          UPSTREAM_DEADLINE_S=5 and PRODUCTS_SEARCH_MAX_IN_FLIGHT=2
HEAD_TIMEOUT_S, BODY_TIMEOUT_S, WRITE_TIMEOUT_S, IDLE_TIMEOUT_S, QUEUE_TIMEOUT_S, LEAVING_NOTICE_S,
MAX_CONNECTIONS, MAX_CONNECTIONS_PER_ADDRESS
                          how slow clients may be, and how many; see `common.server.limits` for the defaults
MAX_BODY_BYTES, MAX_ORDER_BODY_BYTES
                          how large a request's body may be, default 65536, and that of a new order, 262144
GATEWAY_WORKERS           processes, 1 by default; more than one need REDIS_URL
OTEL_EXPORTER_OTLP_ENDPOINT
                          the OpenTelemetry collector that is told of requests; needs requirements-otel.lock
DEBUG, LOG_LEVEL, METRICS_TOKEN
"""

from datetime import timedelta
from urllib.parse import urlsplit

from common import settings as plaza
from common.databases import databases
from common.observability.logs import logging_config
from common.origins import allowed_hosts, env_base_url, env_origin, env_origins, env_server_url
from common.resilience import Policy
from common.server.limits import Limits

SERVICE_NAME = "gateway"
VERSION = plaza.VERSION
SERVER_PORT = 8000
DEBUG = plaza.env_flag("DEBUG")
SECRET_KEY, *SECRET_KEY_FALLBACKS = plaza.secret("django-gateway").split("\n")
PUBLIC_URL = env_origin("PUBLIC_URL", "http://127.0.0.1:8000")
IS_HTTPS = PUBLIC_URL.startswith("https://")
ALLOWED_HOSTS = allowed_hosts(urlsplit(PUBLIC_URL).hostname or "")
TRUSTED_PROXIES = plaza.env_networks("TRUSTED_PROXIES")
ROOT_URLCONF = "gateway_project.urls"
WSGI_APPLICATION = "gateway_project.wsgi.application"

# The services, the key that the gateway shares with each, and their lanes: what is in one lane can't hurt another.
# Hashing a password takes a whole core for a while, so few are hashed at a time.
DEADLINE_S = plaza.env_number("UPSTREAM_DEADLINE_S", 3.0)  # of a request, from its arrival
LANES: dict[str, dict[str, dict[str, int]]] = {
    "users": {"accounts": {}, "search": {"max_in_flight": 4}, "credentials": {"max_in_flight": 2}},
    "products": {"catalogue": {}, "search": {"max_in_flight": 4}, "writes": {"max_in_flight": 4}},
    "orders": {"orders": {}},
}
UPSTREAMS = {
    name: {
        "url": env_base_url(f"{name.upper()}_URL", f"http://127.0.0.1:{port}"),
        "key": plaza.secret(f"gateway-{name}"),
        "lanes": {
            lane: Policy.from_environment(f"{name}_{lane}", plaza.env, **numbers)
            for lane, numbers in LANES[name].items()
        },
    }
    for name, port in (("users", 8001), ("products", 8002), ("orders", 8003))
}

INSTALLED_APPS = [
    "django.contrib.contenttypes",  # no tables: these two are here because SimpleJWT imports their code
    "django.contrib.auth",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "corsheaders",
    "gateway_project.routing",
    "gateway_project.auth",
    "gateway_project.status",
    "gateway_project.site",
    "common",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
MIDDLEWARE = [
    "common.observability.tracing.RequestMiddleware",
    "gateway_project.routing.headers.PublicSchemeMiddleware",
    "gateway_project.site.problems.ProblemPageMiddleware",
    "common.api.semantics.HTTPSemanticsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "gateway_project.routing.static_files.FingerprintedFilesMiddleware",
    "gateway_project.routing.headers.ResponseHeadersMiddleware",
    "gateway_project.routing.headers.CorsMiddleware",
    "common.api.languages.LocaleMiddleware",
    "common.api.errors.ProblemMiddleware",
    "common.api.limits.BodyLimitMiddleware",
    "django.middleware.common.CommonMiddleware",
    "gateway_project.auth.middleware.RenewalMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "gateway_project.routing.pages.middleware.PagesMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
                "gateway_project.routing.pages.frame.frame",
            ]
        },
    }
]

DATABASES = databases("gateway_project", durable=False, keeps_connections=False)
DATABASE_ROUTERS = ["common.databases.WithoutPermissionTables"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = env_server_url("REDIS_URL", ("redis", "rediss", "unix"), "redis://10.0.0.7:6379/0")
SEVERAL_WORKERS_NEED = "" if REDIS_URL else "REDIS_URL, through which they share throttles and cached answers"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["gateway_project.auth.authentication.JWTAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["gateway_project.auth.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": [
        "common.api.rendering.JSONRenderer",
        "gateway_project.routing.pages.renderer.BrowsableRenderer",
    ],
    "DEFAULT_PARSER_CLASSES": [
        "common.api.parsing.StrictJSONParser",
        "rest_framework.parsers.FormParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "common.api.negotiation.ContentNegotiation",
    "DEFAULT_THROTTLE_CLASSES": ["gateway_project.store.throttles.RequestThrottle"],
    "DEFAULT_SCHEMA_CLASS": "gateway_project.routing.openapi.RouteSchema",
    "EXCEPTION_HANDLER": "gateway_project.upstreams.problems.exception_handler",
}

# Requests per minute: of a user, and of an address that isn't signed in. Wrong passwords per hour: of one client at one
# account before it must pause, of all strangers at one account, of one address at all accounts; and requests per hour
# for a new password, for one account and from one address. See `auth.throttles`.
THROTTLES = {
    scope: int(plaza.env_number(f"THROTTLE_{scope.upper()}", default, above=-1))
    for scope, default in (
        ("user", 1200),
        ("address", 300),
        ("guesses", 5),
        ("sign_in_account", 100),
        ("sign_in_address", 300),
        ("reset_account", 5),
        ("reset_address", 30),
    )
}

ACCESS_LIFETIME = timedelta(minutes=5)
REFRESH_LIFETIME = timedelta(days=7)
SESSION_LIFETIME = timedelta(days=30)
REVOCATION_POLL_S = 0.5
JWT_KEYS = plaza.secret("jwt-signing")  # one a line: `manage_all.py rotate-keys` puts a new one first
JWT_ISSUER = JWT_AUDIENCE = "plaza"
SIMPLE_JWT = {"ACCESS_TOKEN_LIFETIME": ACCESS_LIFETIME, "REFRESH_TOKEN_LIFETIME": REFRESH_LIFETIME}

# For browsers. Tokens are in HttpOnly cookies; the script of the browsable API reads the CSRF cookie.
COOKIE_PREFIX = "__Host-" if IS_HTTPS else ""
CSRF_COOKIE_NAME = f"{COOKIE_PREFIX}plaza_csrf"
CSRF_COOKIE_SECURE = IS_HTTPS
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
SESSION_COOKIE_SECURE = IS_HTTPS  # of Django's session cookie there is none, but its messages follow these
SESSION_COOKIE_HTTPONLY = True
MESSAGE_STORAGE = "gateway_project.routing.pages.middleware.MessageStorage"
LANGUAGE_COOKIE_NAME = f"{COOKIE_PREFIX}plaza_language"
LANGUAGE_COOKIE_AGE = 365 * 86_400
LANGUAGE_COOKIE_SECURE = IS_HTTPS
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "gateway_project.auth.pages.csrf_failure"
LOGIN_URL = "/login/"
SECURE_SSL_REDIRECT = False  # the proxy that ends TLS redirects
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = False
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
CORS_ALLOWED_ORIGINS = env_origins("CORS_ALLOWED_ORIGINS")
CORS_ALLOW_CREDENTIALS = False
# All that the route table and the middleware read of a request, and write into an answer.
CORS_ALLOW_HEADERS = (
    *("accept", "accept-language", "authorization", "content-type"),
    *("idempotency-key", "if-match", "if-none-match", "traceparent", "x-request-id"),
)
CORS_EXPOSE_HEADERS = (
    *("Age", "Allow", "Cache-Status", "Content-Language", "ETag", "Idempotency-Key", "Location"),
    *("Idempotent-Replayed", "Proxy-Status", "Retry-After", "WWW-Authenticate", "X-Request-ID"),
)

STATIC_URL = "/static/"
STORAGES = {"staticfiles": {"BACKEND": "gateway_project.routing.static_files.FingerprintedStorage"}}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

SPECTACULAR_SETTINGS = {
    "TITLE": "Plaza",
    "VERSION": VERSION,
    "LICENSE": {"name": "MIT", "identifier": "MIT"},
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["gateway_project.auth.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": False},  # such a link would be in a button
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "gateway_project.routing.document.complete",
    ],
    "ENUM_NAME_OVERRIDES": {"OrderStatus": "gateway_project.schemas.orders.STATUSES"},
}

# Each lane's requests have few threads, unless they hang; then there are still threads for the other lanes. Who has
# waited until half a second is left of the deadline would be begun in vain.
SERVER_GROUPING = "gateway_project.routing.groups.Grouping"
SERVER_ON_ONE_CORE = True  # it has more Python than anything else to do
SERVER_LIMITS = Limits.from_environment(threads=400, notice_s=1, queue_s=max(DEADLINE_S - 0.5, DEADLINE_S / 2))
MAX_BODY_BYTES = plaza.body_limit("MAX_BODY_BYTES", 65_536)
MAX_ORDER_BODY_BYTES = plaza.body_limit("MAX_ORDER_BODY_BYTES", 262_144)
DATA_UPLOAD_MAX_MEMORY_SIZE = max(MAX_BODY_BYTES, MAX_ORDER_BODY_BYTES)  # Django's own, for forms
APPEND_SLASH = False
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("es", "Español")]
LOCALE_PATHS = [plaza.ROOT / "gateway_project" / "locale"]
METRICS_TOKEN = plaza.env("METRICS_TOKEN")
LOG_LEVEL = plaza.env("LOG_LEVEL", "INFO").upper()
LOGGING = logging_config(SERVICE_NAME, LOG_LEVEL)
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # subdomains are their owner's to decide
    "security.W008",  # see SECURE_SSL_REDIRECT
    "security.W021",  # no preload list by default, for the same reason as W005
]
