"""Building blocks for the projects' settings modules: environment, files, secrets.

Nothing here reads `django.conf.settings`; a settings module calls these functions and stays a page to read.
"""

import ipaddress
import math
import os
import secrets
import stat
import sys
from collections.abc import Callable
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

ROOT = Path(__file__).resolve().parents[1]
MIN_SECRET_LENGTH = 32
VERSION = Path(__file__).with_name("VERSION").read_text().strip()  # of all of Plaza: pages, OpenAPI, manage_all.py

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

SERVICE_MIDDLEWARE = [
    "common.observability.tracing.RequestMiddleware",
    "common.api.disconnects.DisconnectedCallerMiddleware",
    "common.api.semantics.HTTPSemanticsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "common.api.languages.LocaleMiddleware",
    "common.api.errors.ProblemMiddleware",
    "common.api.limits.BodyLimitMiddleware",
    "common.api.limits.StatementLimitMiddleware",
    "django.middleware.common.CommonMiddleware",
]

# A process that lives for long imports only what it needs.
SERVES = sys.argv[1:2] in (["serve"], ["relay"])

# A service's schema is for tests and people; its library takes 7 MB.
SCHEMA_APPS = [] if SERVES else ["drf_spectacular"]

SERVICE_REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["common.identity.InternalTokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["common.identity.NamedCallers"],
    "DEFAULT_RENDERER_CLASSES": ["common.api.rendering.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["common.api.parsing.StrictJSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "common.api.negotiation.ContentNegotiation",
    "DEFAULT_METADATA_CLASS": "common.api.metadata.ViewMetadata",
    "DEFAULT_SCHEMA_CLASS": "common.api.openapi.Schema" if SCHEMA_APPS else "rest_framework.schemas.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "common.api.errors.exception_handler",
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


def env_number(name: str, default: float, *, above: float = 0) -> float:
    """Raises `ImproperlyConfigured` for what is no number, or not greater than `above`."""
    text = env(name, str(default))
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not above < value < math.inf:
        raise ImproperlyConfigured(f"{name} is {text!r}; it takes a number greater than {above}.")
    return value


def body_limit(name: str, default: int) -> int:
    """How many bytes a request's body may have: never too few for what the projects send each other."""
    return int(env_number(name, default, above=16_384))


def env_list(name: str, default: str = "") -> list[str]:
    """A comma-separated variable as a list."""
    return [part.strip() for part in env(name, default).split(",") if part.strip()]


def env_networks(name: str) -> list[Network]:
    """A comma-separated variable of IP addresses and networks. An address is a network of one.

    Raises `ImproperlyConfigured` for anything else, for example a host name.
    """
    try:
        return [_unmapped(ipaddress.ip_network(text)) for text in env_list(name)]
    except ValueError as error:
        raise ImproperlyConfigured(
            f"{name}: {error}. It takes addresses and networks, such as 10.0.0.7, 10.1.0.0/16, fd00::/8."
        ) from error


def _unmapped(network: Network) -> Network:
    """The IPv4 network of an IPv4-mapped one: peers are compared by their IPv4 addresses."""
    mapped = network.network_address.ipv4_mapped if isinstance(network, ipaddress.IPv6Network) else None
    return ipaddress.ip_network((mapped, network.prefixlen - 96)) if mapped and network.prefixlen >= 96 else network


def state_path() -> Path:
    """Where secrets, logs, pids and letters live: `PLAZA_DATA_DIR`, else `.plaza` beside the projects."""
    return Path(env("PLAZA_DATA_DIR", str(ROOT / ".plaza"))).resolve()


def state_dir() -> Path:
    """`state_path`, made 0700 if it is missing."""
    path = state_path()
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
    _require_private(folder, stat.S_ISDIR, 0o022)
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
    _require_private(path, stat.S_ISREG, 0o077)
    return path.read_text().strip()


def _require_private(path: Path, is_kind: Callable[[int], bool], forbidden: int) -> None:
    """Raises `ImproperlyConfigured` for what somebody else may have put there, or has rights to."""
    found = path.lstat()
    mend = "Remove it, and a new one is made."
    if not is_kind(found.st_mode) or found.st_uid != os.geteuid():
        raise ImproperlyConfigured(f"{path} does not belong to this user, or is a link. {mend}")
    if found.st_mode & forbidden:
        raise ImproperlyConfigured(f"{path} is open to others (mode {found.st_mode & 0o777:03o}). {mend}")
