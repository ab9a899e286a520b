"""The users project's settings, from the environment:

USERS_DATABASE_URL        postgresql://… instead of the SQLite file
PLAZA_DATA_DIR            where the SQLite file and the secrets are, instead of here and in `.plaza/`
PLAZA_SECRET_…            secrets handed in: DJANGO_USERS, GATEWAY_USERS, OPERATOR_USERS (each also …_FILE)
PUBLIC_URL                how people reach the gateway: links in letters begin with it; default: http://127.0.0.1:8000
EMAIL_URL                 how letters are sent: smtp+tls://name:password@mail.example:587 (STARTTLS), smtps://…,
                          smtp://…, file:///folder, console: (also EMAIL_URL_FILE); default: files in the data
                          directory's `mail/`, and the console with DEBUG or `runserver`
DEFAULT_FROM_EMAIL        whom they are from; default: Plaza <plaza@localhost>
STATEMENT_LIMIT_S         seconds after which a statement of a read ends with 422; default 1
MAX_BODY_BYTES            how large a request's body may be; default 65536
HEAD_TIMEOUT_S, …         how slow callers may be, and how many, as in the gateway's settings
USERS_WORKERS             processes, 1 by default
USERS_REPLICAS            how many containers run this, 1 by default; counted against PostgreSQL's connections
ALLOWED_HOSTS             names this service answers to, besides this machine's loopback
OTEL_EXPORTER_OTLP_ENDPOINT
                          the OpenTelemetry collector that gets the spans; needs requirements-otel.lock
DEBUG, LOG_LEVEL, METRICS_TOKEN
"""

import sys

from common import settings as plaza
from common.databases import databases
from common.observability.logs import logging_config
from common.origins import allowed_hosts, env_origin
from common.server.limits import Limits
from users_project.mail import mail_from_environment

SERVICE_NAME = "users"
SERVER_PORT = 8001
DEBUG = plaza.env_flag("DEBUG")
SECRET_KEY, *SECRET_KEY_FALLBACKS = plaza.secret("django-users").split("\n")
ALLOWED_HOSTS = allowed_hosts()
ROOT_URLCONF = "users_project.urls"
WSGI_APPLICATION = "users_project.wsgi.application"

# The callers of this service, each with the key that they share.
CALLER_KEYS = {
    "gateway": plaza.secret("gateway-users"),
    "operator": plaza.secret("operator-users"),
}

INSTALLED_APPS = [
    "django.contrib.contenttypes",  # needed by contrib.auth, which brings password hashing and createsuperuser
    "django.contrib.auth",
    "rest_framework",
    *plaza.SCHEMA_APPS,
    "common",
    "users_project.users",
]
MIDDLEWARE = plaza.SERVICE_MIDDLEWARE
REST_FRAMEWORK = plaza.SERVICE_REST_FRAMEWORK
SPECTACULAR_SETTINGS = {"TITLE": "Plaza users", "VERSION": plaza.VERSION, "OAS_VERSION": "3.1.0"}

DATABASES = databases("users_project", durable=True)
DATABASE_ROUTERS = ["common.databases.WithoutPermissionTables"]
STATEMENT_LIMIT_S = plaza.env_number("STATEMENT_LIMIT_S", 1.0)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "users.User"
PASSWORD_HASHERS = ["users_project.users.hashers.Argon2id"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# Letters, which are for forgotten passwords. `users.postman` sends them, after the request.
PUBLIC_URL = env_origin("PUBLIC_URL", "http://127.0.0.1:8000")
PASSWORD_RESET_TIMEOUT = 3600  # seconds that a link works
MAIL = mail_from_environment(to_console=DEBUG or "runserver" in sys.argv)
EMAIL_BACKEND, EMAIL_FILE_PATH = MAIL.backend, MAIL.folder
EMAIL_HOST, EMAIL_PORT = MAIL.host, MAIL.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = MAIL.user, MAIL.password
EMAIL_USE_TLS, EMAIL_USE_SSL = MAIL.starts_tls, MAIL.is_tls
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = plaza.env("DEFAULT_FROM_EMAIL", "Plaza <plaza@localhost>")

SERVER_LIMITS = Limits.for_service(threads=24)  # more than the lanes of its callers have places, and their probes
MAX_BODY_BYTES = DATA_UPLOAD_MAX_MEMORY_SIZE = plaza.body_limit("MAX_BODY_BYTES", 65_536)
APPEND_SLASH = False
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("es", "Español")]
LOCALE_PATHS = [plaza.ROOT / "users_project" / "locale"]
METRICS_TOKEN = plaza.env("METRICS_TOKEN")
LOG_LEVEL = plaza.env("LOG_LEVEL", "INFO").upper()
LOGGING = logging_config(SERVICE_NAME, LOG_LEVEL)
SILENCED_SYSTEM_CHECKS = [
    *plaza.SERVICE_SILENCED_CHECKS,
    "auth.E003",  # usernames are unique, by a constraint on `username_key`
]
