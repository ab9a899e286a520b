"""The users project's settings, from the environment:

USERS_DATABASE_URL        postgresql://… instead of the SQLite file
PLAZA_DATA_DIR            where the SQLite file and the secrets live instead of here and `.plaza/`
PLAZA_SECRET_…            secrets handed in: DJANGO_USERS, GATEWAY_USERS, OPERATOR_USERS (each also …_FILE)
ALLOWED_HOSTS             names this service answers to, besides this machine's loopback
OTEL_EXPORTER_OTLP_ENDPOINT
                          the OpenTelemetry collector that is told of requests; needs requirements-otel.lock
DEBUG, LOG_LEVEL, METRICS_TOKEN
"""

from common import settings as plaza
from common.databases import databases
from common.logs import logging_config

SERVICE_NAME = "users"
DEBUG = plaza.env_flag("DEBUG")
SECRET_KEY, *SECRET_KEY_FALLBACKS = plaza.secret("django-users").split("\n")
ALLOWED_HOSTS = plaza.allowed_hosts()
ROOT_URLCONF = "users_project.urls"
WSGI_APPLICATION = "users_project.wsgi.application"

# Who may call, by the key it shares with this service.
CALLER_KEYS = {
    "gateway": plaza.secret("gateway-users"),
    "operator": plaza.secret("operator-users"),
}

INSTALLED_APPS = [
    "django.contrib.contenttypes",  # wanted by contrib.auth, which brings password hashing and createsuperuser
    "django.contrib.auth",
    "rest_framework",
    "drf_spectacular",
    "common",
    "users_project.users",
]
MIDDLEWARE = plaza.SERVICE_MIDDLEWARE
REST_FRAMEWORK = plaza.SERVICE_REST_FRAMEWORK
SPECTACULAR_SETTINGS = {"TITLE": "Plaza users", "VERSION": "1", "OAS_VERSION": "3.1.0"}

DATABASES = databases("users_project", durable=True)
DATABASE_ROUTERS = ["common.databases.WithoutPermissionTables"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "users.User"
PASSWORD_HASHERS = ["users_project.users.hashers.Argon2id"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

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
SILENCED_SYSTEM_CHECKS = [
    *plaza.SERVICE_SILENCED_CHECKS,
    "auth.E003",  # usernames are unique, by a constraint on their lower case
]
