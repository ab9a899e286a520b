import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from common import databases as module
from common.databases import WithoutPermissionTables, databases, migration_lock
from tests.support.threads import in_threads


@pytest.fixture(autouse=True)
def data_dir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("PLAZA_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("TEA_DATABASE_URL", raising=False)
    return tmp_path


def test_without_a_url_it_is_sqlite_in_the_projects_folder(data_dir: Path) -> None:
    config = databases("tea_project", durable=True)["default"]
    assert (config["ENGINE"], config["NAME"]) == ("common.sqlite", str(data_dir / "tea_project" / "Data-base.db"))
    assert config["CONN_MAX_AGE"] is None
    assert config["OPTIONS"] == {
        "transaction_mode": "IMMEDIATE",
        "timeout": 5,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }


def test_a_database_that_may_lose_its_last_writes_flushes_less_often() -> None:
    options = databases("tea_project", durable=False)["default"]["OPTIONS"]
    assert options["init_command"] == "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"


def test_a_url_names_a_postgresql_server(monkeypatch: pytest.MonkeyPatch, data_dir: Path) -> None:
    monkeypatch.setenv("TEA_DATABASE_URL", "postgresql://tea:p%40ss@db.internal:6543/leaves?sslmode=require")
    config = databases("tea_project", durable=True)["default"]
    assert {name: config[name] for name in ("ENGINE", "NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")} == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "leaves",
        "USER": "tea",
        "PASSWORD": "p@ss",
        "HOST": "db.internal",
        "PORT": 6543,
        "OPTIONS": {"connect_timeout": 2, "tcp_user_timeout": 5000, "sslmode": "require"},
    }
    assert (config["CONN_MAX_AGE"], config["CONN_HEALTH_CHECKS"]) == (None, True)
    assert config["DISABLE_SERVER_SIDE_CURSORS"] is True
    assert list(data_dir.iterdir()) == []


def test_who_needs_a_connection_rarely_keeps_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert databases("tea_project", durable=True, keeps_connections=False)["default"]["CONN_MAX_AGE"] is None
    monkeypatch.setenv("TEA_DATABASE_URL", "postgresql://db/tea")
    assert databases("tea_project", durable=True, keeps_connections=False)["default"]["CONN_MAX_AGE"] == 0


def test_a_url_may_have_a_timeout_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEA_DATABASE_URL", "postgresql://db/tea?connect_timeout=9")
    options = databases("tea_project", durable=True)["default"]["OPTIONS"]
    assert options == {"connect_timeout": 9, "tcp_user_timeout": 5000}


def test_a_url_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, data_dir: Path) -> None:
    (data_dir / "url").write_text("postgresql://db/tea\n")
    monkeypatch.setenv("TEA_DATABASE_URL_FILE", str(data_dir / "url"))
    assert databases("tea_project", durable=True)["default"]["HOST"] == "db"


@pytest.mark.django_db
def test_the_database_of_this_suite_is_configured_as_a_projects() -> None:
    with connection.cursor() as cursor:
        found = {
            pragma: cursor.execute(f"PRAGMA {pragma}").fetchone()[0]
            for pragma in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}


class Stub:
    """A connection with a vendor and a database name, which records its statements."""

    def __init__(self, vendor: str, name: str = "") -> None:
        self.vendor = vendor
        self.settings_dict = {"NAME": name}
        self.events: list[Any] = []

    @contextmanager
    def cursor(self) -> Iterator["Stub"]:
        yield self

    def execute(self, statement: str, parameters: list[Any]) -> None:
        self.events.append((statement, parameters))


MAKE_TABLES = """
import sys, django
django.setup()
from common.databases import make_tables
make_tables()
assert "django.db.migrations.executor" not in sys.modules
print("goes on")
"""


def made(data_dir: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {"DJANGO_SETTINGS_MODULE": "products_project.settings", "PLAZA_DATA_DIR": str(data_dir), **variables}
    root = Path(__file__).resolve().parents[2]
    return subprocess.run(
        [sys.executable, "-c", MAKE_TABLES], cwd=root, env=environment, capture_output=True, text=True, check=False
    )


def test_tables_are_made_in_a_process_of_its_own(tmp_path: Path) -> None:
    assert made(tmp_path).stdout == "goes on\n"
    with closing(sqlite3.connect(tmp_path / "products_project/Data-base.db")) as database:
        assert database.execute("SELECT count(*) FROM products_product").fetchone() == (0,)


def test_if_tables_cannot_be_made_the_process_ends_and_has_said_why(tmp_path: Path) -> None:
    finished = made(tmp_path, PRODUCTS_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert (finished.returncode, finished.stdout) == (1, "")
    assert "OperationalError" in finished.stderr


def test_on_sqlite_migrations_run_one_at_a_time(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "connection", Stub("sqlite", str(data_dir / "Data-base.db")))
    together, inside, most = threading.Barrier(4, timeout=10), [], []

    def migrate() -> None:
        together.wait()
        with migration_lock():
            inside.append(1)
            most.append(len(inside))
            threading.Event().wait(0.01)
            inside.pop()

    assert in_threads(4, migrate) == [None] * 4
    assert most == [1] * 4
    [file] = data_dir.iterdir()
    assert (file.name, file.stat().st_mode & 0o777) == ("Data-base.migrate-lock", 0o600)


def test_on_sqlite_a_failed_migration_lets_the_next_one_in(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "connection", Stub("sqlite", str(data_dir / "Data-base.db")))
    with pytest.raises(ZeroDivisionError), migration_lock():
        raise ZeroDivisionError
    with migration_lock():
        pass


def test_without_a_lock_file_an_existing_database_is_still_served(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data_dir / "Data-base.migrate-lock").mkdir()  # like a read-only disk, it cannot be a file
    monkeypatch.setattr(module, "connection", Stub("sqlite", str(data_dir / "Data-base.db")))
    with migration_lock():
        served = True
    assert served


@pytest.mark.parametrize("fails", [False, True])
def test_on_postgresql_an_advisory_lock_is_taken_and_released(monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
    stub = Stub("postgresql")
    monkeypatch.setattr(module, "connection", stub)
    try:
        with migration_lock():
            stub.events.append("migrated")
            if fails:
                raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    assert stub.events == [
        ("SELECT pg_advisory_lock(%s)", [7_165_226]),
        "migrated",
        ("SELECT pg_advisory_unlock(%s)", [7_165_226]),
    ]


@pytest.mark.parametrize(("app", "allowed"), [("auth", False), ("contenttypes", False), ("products", None)])
def test_only_the_tables_of_permissions_are_left_out(app: str, allowed: bool | None) -> None:
    assert WithoutPermissionTables().allow_migrate("default", app, model_name="x") is allowed


def test_the_project_of_this_suite_has_no_such_app() -> None:
    assert not apps.is_installed("django.contrib.auth")
