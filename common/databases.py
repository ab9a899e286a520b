"""Each project's own database: SQLite beside it, or PostgreSQL when its `…_DATABASE_URL` says so."""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dj_database_url
from django.core.management import call_command
from django.db import connection

from common.imports import leave_out
from common.origins import env_server_url
from common.settings import SERVES, database_path

POSTGRESQL = ("postgresql", "postgres")
MIGRATION_LOCK_ID = 7_165_226  # any constant will do: advisory locks are per database


def databases(project: str, *, durable: bool, keeps_connections: bool = True) -> dict[str, Any]:
    """Django's `DATABASES` for `project` ("users_project").

    `durable` makes SQLite flush at every commit (`synchronous=FULL`), so that what was acknowledged outlives a
    loss of power; without it only the newest commits can be lost, never consistency. PostgreSQL always flushes.
    Without `keeps_connections` each request connects to PostgreSQL anew: for a process whose threads are many more
    than those that use the database at the same time. A file is always kept open.
    """
    variable = f"{project.removesuffix('_project').upper()}_DATABASE_URL"
    url = env_server_url(variable, POSTGRESQL, "postgresql://plaza@10.0.0.7:5432/users")
    if url:
        age = None if keeps_connections else 0
        config: dict[str, Any] = dict(dj_database_url.parse(url, conn_max_age=age, conn_health_checks=True))
        # A server that is gone is found out in seconds, not by the system's patience of minutes.
        config["OPTIONS"] = {"connect_timeout": 2, "tcp_user_timeout": 5000, **config.get("OPTIONS", {})}
        config["DISABLE_SERVER_SIDE_CURSORS"] = True  # safe behind a pooler, and nothing here streams rows
        return {"default": config}
    if SERVES:
        leave_out("psycopg")  # DRF would import it, 6 MB
    return {"default": sqlite_database(database_path(project), "FULL" if durable else "NORMAL")}


def sqlite_database(path: Path, synchronous: str) -> dict[str, Any]:
    return {
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


def make_tables() -> None:
    """Make or migrate the tables, in a process of its own: what that needs of Django takes 6 MB, and only then.

    No connection may be open yet, since none may cross a fork.
    """
    if pid := os.fork():
        if code := os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
            sys.exit(abs(code))  # it has said why
        return
    with migration_lock():
        call_command("migrate", interactive=False, verbosity=0)
    os._exit(0)


@contextmanager
def unflushed() -> Iterator[None]:
    """Transactions of this block don't wait until the disk has them, for what can be found out again.

    A loss of power may undo the newest of them, up to the next one that is flushed. The end of a process undoes
    nothing. PostgreSQL flushes the transactions of many at once, and goes on doing so.
    """
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        yield
        return
    connection.ensure_connection()
    (usual,) = connection.connection.execute("PRAGMA synchronous").fetchone()
    connection.connection.execute("PRAGMA synchronous=NORMAL")
    try:
        yield
    finally:
        if connection.connection is not None:  # a new one begins as usual
            connection.connection.execute(f"PRAGMA synchronous={usual}")


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
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    except OSError:  # a full or read-only disk: nobody can migrate there, but what is there can be read
        yield
        return
    with open(descriptor, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class WithoutPermissionTables:
    """A database router that keeps the tables of `contrib.auth` and `contenttypes` out; only their code is used."""

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return False if app_label in {"auth", "contenttypes"} else None
