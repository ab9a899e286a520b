"""The lanes that `--all` adds: what each runs, and what the machine must have for it."""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ..health import is_reachable

MARKERS = ("postgres", "redis", "browser", "compose", "long")
POSTGRES_VARIABLE, POSTGRES_DEFAULT = "PLAZA_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres"
REDIS_VARIABLE, REDIS_DEFAULT = "PLAZA_TEST_REDIS", "redis://127.0.0.1:6379/15"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def postgres_url() -> str:
    return os.environ.get(POSTGRES_VARIABLE) or POSTGRES_DEFAULT


def redis_url() -> str:
    return os.environ.get(REDIS_VARIABLE) or REDIS_DEFAULT


def missing_postgres() -> str | None:
    return missing_server("PostgreSQL", postgres_url(), 5432, POSTGRES_VARIABLE)


def missing_redis() -> str | None:
    return missing_server("Redis", redis_url(), 6379, REDIS_VARIABLE)


def missing_server(what: str, url: str, default_port: int, variable: str) -> str | None:
    """Whether it listens; a wrong password or database is the suite's failure, not a reason to skip it."""
    parts = urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port or default_port
    if is_reachable(host, port):
        return None
    return f"no {what} at {host}:{port}; start one there or name another in {variable}"


def missing_browser() -> str | None:
    own = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    if any(shutil.which(name) for name in BROWSERS) or any(own.glob("chromium-*")):
        return None
    return "no Chromium; install one (apt install chromium, or .venv/bin/playwright install chromium)"


def nothing_missing() -> str | None:
    return None


@dataclass(frozen=True)
class Lane:
    """`whole` suites run again in full on another database; of `marked` ones only what has its marker."""

    marker: str
    marked: tuple[str, ...] = ("system",)
    whole: tuple[str, ...] = ()
    missing: Callable[[], str | None] = nothing_missing
    weight: int = 60
    alone_with: frozenset[str] = frozenset()

    def environment(self) -> Mapping[str, str]:
        return {POSTGRES_VARIABLE: postgres_url(), REDIS_VARIABLE: redis_url()}


LANES = (
    Lane("postgres", whole=("gateway", "users", "products", "orders"), missing=missing_postgres),
    Lane("redis", marked=("gateway", "system"), missing=missing_redis, alone_with=frozenset({"redis"})),
    Lane("browser", missing=missing_browser),
    Lane("compose", weight=20),
    Lane("long", weight=120),
)
