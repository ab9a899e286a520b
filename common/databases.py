"""Each project's own database: SQLite beside it, or PostgreSQL when its `…_DATABASE_URL` says so."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dj_database_url
from django.db import connection

from common.settings import database_path, env

MIGRATION_LOCK_ID = 7_165_226  # any constant will do: advisory locks are per database


def databases(project: str, *, durable: bool) -> dict[str, Any]:
    """Django's `DATABASES` for `project` ("users_project").

    `durable` makes SQLite flush at every commit (`synchronous=FULL`), so that what was acknowledged outlives a
    loss of power; without it only the newest commits can be lost, never consistency. PostgreSQL always flushes.
    """
    url = env(f"{project.removesuffix('_project').upper()}_DATABASE_URL")
    if url:
        config: dict[str, Any] = dict(dj_database_url.parse(url, conn_max_age=None, conn_health_checks=True))
        config["DISABLE_SERVER_SIDE_CURSORS"] = True  # safe behind a pooler, and nothing here streams rows
        return {"default": config}
    path = database_path(project)
    synchronous = "FULL" if durable else "NORMAL"
    return {
        "default": {
            "ENGINE": "common.sqlite",
            "NAME": str(path),
            "CONN_MAX_AGE": None,
            "TEST": {"NAME": str(path.with_name(f"test-{os.getpid()}.db"))},
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 5,
                "init_command": f"PRAGMA journal_mode=WAL; PRAGMA synchronous={synchronous};",
            },
        }
    }


@contextmanager
def migration_lock() -> Iterator[None]:
    """Held while tables are made, so that of several starting processes one migrates and the others wait."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK_ID])
            try:
                yield
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [MIGRATION_LOCK_ID])
        return
    path = Path(str(connection.settings_dict["NAME"])).with_suffix(".migrate-lock")
    with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class WithoutPermissionTables:
    """A database router that keeps the tables of `contrib.auth` and `contenttypes` out; only their code is used."""

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return False if app_label in {"auth", "contenttypes"} else None
