"""Building blocks for the projects' settings modules: environment, files, secrets.

Nothing here reads `django.conf.settings`; a settings module calls these functions and stays a page to read.
"""

import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

ROOT = Path(__file__).resolve().parents[1]
MIN_SECRET_LENGTH = 32

SERVICE_MIDDLEWARE = [
    "common.tracing.RequestMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "common.errors.ProblemMiddleware",
    "common.errors.BodyLimitMiddleware",
    "django.middleware.common.CommonMiddleware",
]

SERVICE_REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["common.identity.InternalTokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["common.identity.NamedCallers"],
    "DEFAULT_RENDERER_CLASSES": ["common.rendering.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["common.parsing.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "common.openapi.Schema",
    "EXCEPTION_HANDLER": "common.errors.exception_handler",
    "UNAUTHENTICATED_USER": None,
}

# Services are reached over loopback or a private network, by programs: no cookies, no pages, no redirects.
SERVICE_SILENCED_CHECKS = ["security.W002", "security.W003", "security.W004", "security.W008"]


def env(name: str, default: str = "") -> str:
    """The variable `name`, or the content of the file that `name_FILE` points to, or `default`."""
    if path := os.environ.get(f"{name}_FILE"):
        return Path(path).read_text().strip()
    return os.environ.get(name, "").strip() or default


def env_flag(name: str, *, default: bool = False) -> bool:
    value = env(name, "true" if default else "false").lower()
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name} is {value!r}; it takes true or false.")


def env_list(name: str, default: str = "") -> list[str]:
    """A comma-separated variable as a list."""
    return [part.strip() for part in env(name, default).split(",") if part.strip()]


def allowed_hosts(*also: str) -> list[str]:
    """`ALLOWED_HOSTS`, and always this machine's loopback: health checks and the other projects use it."""
    return [*env_list("ALLOWED_HOSTS"), *also, "127.0.0.1", "localhost", "[::1]"]


def state_dir() -> Path:
    """Where secrets, logs and pids live: `PLAZA_DATA_DIR`, else `.plaza` beside the projects. Made 0700 if missing."""
    path = Path(env("PLAZA_DATA_DIR", str(ROOT / ".plaza"))).resolve()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def database_path(project: str) -> Path:
    """The project's SQLite file: at the project's root, or under `PLAZA_DATA_DIR`."""
    base = Path(env("PLAZA_DATA_DIR")).resolve() if env("PLAZA_DATA_DIR") else ROOT
    folder = base / project
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / "Data-base.db"


def secret(name: str) -> str:
    """The secret `name`: handed in as `PLAZA_SECRET_<NAME>` (or `…_FILE`), else kept in a 0600 file of its own.

    Whoever asks first makes the file; with `PLAZA_REQUIRE_SECRETS=true` (containers) a missing one refuses to start.
    It may be a ring, one key a line: the first signs, all verify (`common.identity.key_of`).
    """
    variable = "PLAZA_SECRET_" + name.upper().replace("-", "_")
    value = env(variable)
    if not value:
        if env_flag("PLAZA_REQUIRE_SECRETS"):
            raise ImproperlyConfigured(f"The secret {variable} is missing: set it, or {variable}_FILE.")
        value = _secret_file(name)
    parts = [part.strip() for part in value.splitlines()]
    if not parts or not all(len(part) >= MIN_SECRET_LENGTH and len(set(part)) >= 8 for part in parts):
        raise ImproperlyConfigured(
            f"The secret {variable} is too weak: give at least {MIN_SECRET_LENGTH} random characters."
        )
    return "\n".join(parts)


def _secret_file(name: str) -> str:
    folder = state_dir() / "secrets"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / name
    if not path.exists():
        draft = folder / f".{name}.{secrets.token_hex(8)}"
        with open(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
        try:
            os.link(draft, path)  # a link is made whole and by one process only, unlike an open-and-write
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()
