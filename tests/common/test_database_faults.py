"""SQLite's faults are made for real; PostgreSQL's are psycopg's own exceptions (its suites meet real ones)."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import (
    ConnectionHandler,
    DatabaseError,
    Error,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
)

from common.database_faults import Fault, fault_of
from common.databases import databases


@pytest.fixture(autouse=True)
def reachable(django_db_blocker: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PLAZA_DATA_DIR", str(tmp_path))
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with a table `tea (name)` of some pages."""
    made = tmp_path / "tea_project" / "Data-base.db"
    connection = connect()
    run(connection, "CREATE TABLE tea (name TEXT UNIQUE)")
    run(connection, "INSERT INTO tea VALUES ('green'), (hex(zeroblob(20000)))")
    connection.close()
    return made


def connect(**changes: Any) -> Any:
    settings = databases("tea_project", durable=False)["default"] | changes
    settings["OPTIONS"] |= {"timeout": 0}
    return ConnectionHandler({"default": settings})["default"]


def run(connection: Any, statement: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()  # type: ignore[no-any-return]


def fault(connection: Any, statement: str) -> Fault | None:
    try:
        with pytest.raises(Error) as error:
            run(connection, statement)
    finally:
        connection.close()
    return fault_of(error.value)


def test_no_room_is_a_full_storage(path: Path) -> None:
    connection = connect()
    [[pages]] = run(connection, "PRAGMA page_count")
    run(connection, f"PRAGMA max_page_count = {pages}")
    assert fault(connection, "INSERT INTO tea VALUES (hex(zeroblob(30000)))") is Fault.FULL


def test_a_file_that_can_only_be_read_is_read_only(path: Path) -> None:
    connection = connect(NAME=f"file:{path}?mode=ro")
    assert len(run(connection, "SELECT * FROM tea")) == 2
    assert fault(connection, "DELETE FROM tea") is Fault.READ_ONLY


def test_what_is_no_database_is_damaged(path: Path) -> None:
    path.write_bytes(b"not a database " * 1000)
    assert fault(connect(), "SELECT * FROM tea") is Fault.DAMAGED


def test_a_malformed_page_is_damaged(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    assert fault(connect(), "SELECT * FROM tea") is Fault.DAMAGED


def test_a_file_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    assert fault(connect(NAME=str(tmp_path / "gone" / "Data-base.db")), "SELECT 1") is Fault.UNAVAILABLE


def test_a_lock_that_is_not_free_in_time_is_unavailable(path: Path) -> None:
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        assert fault(connect(), "DELETE FROM tea") is Fault.UNAVAILABLE
    finally:
        holder.close()


def test_a_server_that_does_not_listen_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEA_DATABASE_URL", "postgresql://127.0.0.1:1/tea")
    connection = ConnectionHandler(databases("tea_project", durable=False))["default"]
    assert fault(connection, "SELECT 1") is Fault.UNAVAILABLE


@pytest.mark.parametrize("statement", ["INSERT INTO tea VALUES ('green')", "SELECT * FROM coffee", "SELECT"])
def test_a_wrong_statement_is_not_the_databases_fault(path: Path, statement: str) -> None:
    assert fault(connect(), statement) is None


def raised(kind: type[Error], cause: Exception | None) -> Error:
    error = kind("as Django raises it")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (raised(OperationalError, psycopg.errors.QueryCanceled()), Fault.TOO_COSTLY),
        (raised(OperationalError, psycopg.errors.DiskFull()), Fault.FULL),
        (raised(InternalError, psycopg.errors.ReadOnlySqlTransaction()), Fault.READ_ONLY),
        (raised(OperationalError, psycopg.errors.IoError()), Fault.FAILING),
        (raised(InternalError, psycopg.errors.DataCorrupted()), Fault.DAMAGED),
        (raised(InternalError, psycopg.errors.IndexCorrupted()), Fault.DAMAGED),
        (raised(OperationalError, psycopg.errors.TooManyConnections()), Fault.UNAVAILABLE),
        (raised(OperationalError, psycopg.errors.AdminShutdown()), Fault.UNAVAILABLE),
        (raised(OperationalError, psycopg.errors.CannotConnectNow()), Fault.UNAVAILABLE),
        (raised(OperationalError, psycopg.errors.ConnectionFailure()), Fault.UNAVAILABLE),
        (raised(OperationalError, psycopg.errors.DeadlockDetected()), Fault.UNAVAILABLE),
        (raised(OperationalError, psycopg.errors.LockNotAvailable()), Fault.UNAVAILABLE),
        (raised(OperationalError, psycopg.OperationalError("connection refused")), Fault.UNAVAILABLE),
        (raised(InterfaceError, psycopg.InterfaceError("the connection is closed")), Fault.UNAVAILABLE),
        (raised(InterfaceError, None), Fault.UNAVAILABLE),
        (raised(ProgrammingError, psycopg.errors.UndefinedTable()), None),
        (raised(ProgrammingError, psycopg.ProgrammingError("cursor is closed")), None),
        (raised(DatabaseError, psycopg.errors.UniqueViolation()), None),
        (raised(DatabaseError, psycopg.errors.InternalError_()), None),
    ],
)
def test_what_postgresql_says_is_read_from_its_code(error: Error, expected: Fault | None) -> None:
    assert fault_of(error) is expected


def test_only_what_stops_every_write_is_of_storage() -> None:
    of_storage = {each for each in Fault if each.is_of_storage}
    assert of_storage == {Fault.FULL, Fault.READ_ONLY, Fault.FAILING, Fault.DAMAGED}
