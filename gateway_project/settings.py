"""The gateway's settings, from the environment:

PUBLIC_URL                how people reach the gateway; its scheme decides cookie flags and HSTS
USERS_URL, PRODUCTS_URL, ORDERS_URL
                          where the services are; default: this machine's ports 8001, 8002, 8003
GATEWAY_DATABASE_URL      postgresql://… instead of the SQLite file
REDIS_URL                 throttles and cache shared by several gateway processes
PLAZA_DATA_DIR            where the SQLite file and the secrets live instead of here and `.plaza/`
PLAZA_SECRET_…            secrets handed in: DJANGO_GATEWAY, JWT_SIGNING, GATEWAY_USERS, GATEWAY_PRODUCTS,
                          GATEWAY_ORDERS (each also …_FILE)
ALLOWED_HOSTS             names the gateway answers to, besides PUBLIC_URL's and this machine's loopback
CORS_ALLOWED_ORIGINS      origins whose scripts may call, without credentials; default: none
TRUSTED_PROXIES           addresses whose X-Forwarded-For is believed; default: none
THROTTLE_USER, THROTTLE_ADDRESS, THROTTLE_SIGN_IN_ADDRESS, THROTTLE_SIGN_IN_ACCOUNT
                          requests a minute, 0 for any number; see THROTTLES for the defaults
OTEL_EXPORTER_OTLP_ENDPOINT
                          the OpenTelemetry collector that is told of requests; needs requirements-otel.lock
DEBUG, LOG_LEVEL, METRICS_TOKEN
"""

from datetime import timedelta
from urllib.parse import urlsplit

from common import settings as plaza
from common.databases import databases
from common.logs import logging_config
from common.resilience import Policy

SERVICE_NAME = "gateway"
DEBUG = plaza.env_flag("DEBUG")
SECRET_KEY, *SECRET_KEY_FALLBACKS = plaza.secret("django-gateway").split("\n")
PUBLIC_URL = plaza.env("PUBLIC_URL", "http://127.0.0.1:8000")
IS_HTTPS = urlsplit(PUBLIC_URL).scheme == "https"
ALLOWED_HOSTS = plaza.allowed_hosts(urlsplit(PUBLIC_URL).hostname or "")
TRUSTED_PROXIES = plaza.env_list("TRUSTED_PROXIES")
ROOT_URLCONF = "gateway_project.urls"
WSGI_APPLICATION = "gateway_project.wsgi.application"

# The services, the key that the gateway shares with each, and the rules of calling it.
UPSTREAMS = {
    name: {
        "url": plaza.env(f"{name.upper()}_URL", f"http://127.0.0.1:{port}"),
        "key": plaza.secret(f"gateway-{name}"),
        "policy": Policy(),
    }
    for name, port in (("users", 8001), ("products", 8002), ("orders", 8003))
}

INSTALLED_APPS = [
    "django.contrib.contenttypes",  # these two for their code alone: SimpleJWT imports them
    "django.contrib.auth",
    "django.contrib.staticfiles",
    "corsheaders",
    "gateway_project.routing",
    "gateway_project.auth",
    "gateway_project.status",
    "common",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
MIDDLEWARE = [
    "common.tracing.RequestMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "gateway_project.routing.headers.ResponseHeadersMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "common.errors.ProblemMiddleware",
    "common.errors.BodyLimitMiddleware",
    "django.middleware.common.CommonMiddleware",
    "gateway_project.auth.middleware.RenewalMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]

DATABASES = databases("gateway_project", durable=False)
DATABASE_ROUTERS = ["common.databases.WithoutPermissionTables"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = plaza.env("REDIS_URL")
SEVERAL_WORKERS_NEED = "" if REDIS_URL else "REDIS_URL, through which they share throttles and cached answers"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["gateway_project.auth.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["gateway_project.auth.permissions.Authenticated"],
    "DEFAULT_RENDERER_CLASSES": [
        "common.rendering.JSONRenderer",
        "gateway_project.routing.browsable.BrowsableRenderer",
    ],
    "DEFAULT_PARSER_CLASSES": [
        "common.parsing.StrictJSONParser",
        "rest_framework.parsers.FormParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_THROTTLE_CLASSES": ["gateway_project.routing.throttles.RequestThrottle"],
    "DEFAULT_SCHEMA_CLASS": "gateway_project.routing.openapi.RouteSchema",
    "EXCEPTION_HANDLER": "gateway_project.routing.problems.exception_handler",
    "UNAUTHENTICATED_USER": "gateway_project.auth.tokens.NobodyUser",
}

# A minute: requests of a user, of an address without one, attempts to sign in from an address and to an account.
THROTTLES = {
    scope: int(plaza.env(f"THROTTLE_{scope.upper()}", default))
    for scope, default in (
        ("user", "1200"),
        ("address", "300"),
        ("sign_in_address", "60"),
        ("sign_in_account", "10"),
    )
}

ACCESS_LIFETIME = timedelta(minutes=5)
REFRESH_LIFETIME = timedelta(days=7)
SESSION_LIFETIME = timedelta(days=30)
REVOCATION_POLL_S = 0.5
JWT_KEYS = plaza.secret("jwt-signing")  # a ring: `manage_all.py rotate-keys` puts a new one before the old
JWT_ISSUER = JWT_AUDIENCE = "plaza"
SIMPLE_JWT = {"ACCESS_TOKEN_LIFETIME": ACCESS_LIFETIME, "REFRESH_TOKEN_LIFETIME": REFRESH_LIFETIME}

# What a browser is told. Tokens live in HttpOnly cookies; the CSRF cookie is read by the browsable API's script.
COOKIE_PREFIX = "__Host-" if IS_HTTPS else ""
CSRF_COOKIE_NAME = f"{COOKIE_PREFIX}plaza_csrf"
CSRF_COOKIE_SECURE = IS_HTTPS
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
CSRF_FAILURE_VIEW = "gateway_project.auth.views.csrf_failure"
LOGIN_URL = "/login/"
SECURE_SSL_REDIRECT = False  # the proxy that ends TLS redirects
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = False
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
CORS_ALLOWED_ORIGINS = plaza.env_list("CORS_ALLOWED_ORIGINS")
CORS_ALLOW_CREDENTIALS = False
CORS_EXPOSE_HEADERS = ["ETag", "Location", "Retry-After", "X-Request-ID", "Idempotent-Replayed"]

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

SPECTACULAR_SETTINGS = {
    "TITLE": "Plaza",
    "DESCRIPTION": "A shop backend behind one gateway: accounts, catalogue, stock and orders.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["gateway_project.auth.permissions.Open"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {"OrderStatus": "gateway_project.schemas.orders.STATUSES"},
}

THREADS = 32
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
APPEND_SLASH = False
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("es", "Español")]
METRICS_TOKEN = plaza.env("METRICS_TOKEN")
LOG_LEVEL = plaza.env("LOG_LEVEL", "INFO").upper()
LOGGING = logging_config(SERVICE_NAME, LOG_LEVEL)
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # subdomains are their owner's to decide
    "security.W008",  # see SECURE_SSL_REDIRECT
    "security.W021",  # no preload list by default, for the same reason as W005
]
