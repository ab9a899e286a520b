import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import ConnectionHandler, IntegrityError, OperationalError, connection, connections, transaction

from common.databases import databases, unflushed
from common.settings import ROOT
from common.sqlite.base import DatabaseWrapper
from common.sqlite.write_lock import WriteLock, lock_for


@pytest.fixture(autouse=True)
def reachable(django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tea_project" / "Data-base.db"


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The connection "tea", to a database configured as a project's own."""
    monkeypatch.setenv("PLAZA_DATA_DIR", str(tmp_path))
    monkeypatch.setitem(connections.settings, "tea", connect().settings_dict)
    with connections["tea"].cursor() as cursor:
        cursor.execute("CREATE TABLE counter (number INTEGER NOT NULL CHECK (number < 10))")
        cursor.execute("INSERT INTO counter VALUES (0)")
    yield connections["tea"]
    connections["tea"].close()
    del connections["tea"]


@pytest.fixture
def lock(database: Any, path: Path) -> WriteLock:
    return lock_for(str(path))


def connect(**options: Any) -> Any:
    settings = databases("tea_project", durable=False)["default"]
    settings["OPTIONS"] |= options
    return ConnectionHandler({"default": settings})["default"]


def begin(connection: Any) -> None:
    connection.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)


def is_held(lock: WriteLock) -> bool:
    if lock.acquire(0):
        lock.release()
        return False
    return True


def set_number(number: int, then: type[BaseException] | None = None) -> None:
    """Write `number` in a transaction, or in a savepoint inside one. `then` is an exception that ends it."""
    with transaction.atomic(using="tea"), connections["tea"].cursor() as cursor:
        cursor.execute("UPDATE counter SET number = %s", [number])
        if then:
            raise then


def number_in(path: Path) -> int:
    reader = sqlite3.connect(path)
    number: int = reader.execute("SELECT number FROM counter").fetchone()[0]
    reader.close()
    return number


def test_the_file_and_its_companions_are_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAZA_DATA_DIR", str(tmp_path))
    before = os.umask(0)
    try:
        connection = connect()
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE tea (name TEXT)")
        modes = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "tea_project").iterdir()}
    finally:
        os.umask(before)
    connection.close()
    assert modes == {"Data-base.db": 0o600, "Data-base.db-wal": 0o600, "Data-base.db-shm": 0o600}


def test_a_database_in_memory_makes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (":memory:", "file:tea?mode=memory&cache=shared"):
        settings = {"ENGINE": "common.sqlite", "NAME": name}
        connection: Any = ConnectionHandler({"default": settings})["default"]
        connection.connect()
        connection.connection.close()
    assert [file.name for file in tmp_path.iterdir() if file.name != "tea_project"] == []


def test_a_path_where_no_file_can_be_made_is_a_database_error(database: Any, tmp_path: Path) -> None:
    settings = {**database.settings_dict, "NAME": str(tmp_path / "gone" / "Data-base.db")}
    with pytest.raises(OperationalError, match="unable to open database file"):
        ConnectionHandler({"default": settings})["default"].ensure_connection()


def test_a_transaction_holds_the_lock_from_begin_to_commit(lock: WriteLock, path: Path) -> None:
    with transaction.atomic(using="tea"):
        assert is_held(lock)
        set_number(2)
        assert is_held(lock)
        assert number_in(path) == 0
    assert not is_held(lock)
    assert number_in(path) == 2


@pytest.mark.usefixtures("database")
def test_a_transaction_is_immediate_so_it_never_upgrades_from_reading_to_writing(path: Path) -> None:
    writer = sqlite3.connect(path, timeout=0, isolation_level=None)
    with transaction.atomic(using="tea"), pytest.raises(sqlite3.OperationalError, match="database is locked"):
        writer.execute("BEGIN IMMEDIATE")
    writer.close()


def test_reading_takes_no_lock(database: Any, lock: WriteLock) -> None:
    with database.cursor() as cursor:
        cursor.execute("SELECT number FROM counter")
        assert not is_held(lock)


@pytest.mark.parametrize("ending", [ZeroDivisionError, KeyboardInterrupt])
def test_a_rollback_releases_the_lock(lock: WriteLock, path: Path, ending: type[BaseException]) -> None:
    with pytest.raises(ending):
        set_number(5, then=ending)
    assert not is_held(lock)
    assert number_in(path) == 0


def test_a_refused_statement_releases_the_lock(lock: WriteLock, path: Path) -> None:
    with pytest.raises(IntegrityError):
        set_number(10)
    assert not is_held(lock)
    assert number_in(path) == 0


def test_a_savepoint_that_is_rolled_back_keeps_the_lock(lock: WriteLock, path: Path) -> None:
    with transaction.atomic(using="tea"):
        set_number(1)
        with pytest.raises(ZeroDivisionError):
            set_number(2, then=ZeroDivisionError)
        assert is_held(lock)
    assert not is_held(lock)
    assert number_in(path) == 1


def test_a_commit_that_fails_releases_the_lock(database: Any, lock: WriteLock, path: Path) -> None:
    with database.cursor() as cursor:
        cursor.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
        cursor.execute("CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)")
    with pytest.raises(IntegrityError), transaction.atomic(using="tea"), database.cursor() as cursor:
        cursor.execute("INSERT INTO child VALUES (1)")
    assert not is_held(lock)
    set_number(3)
    assert number_in(path) == 3


def test_closing_in_the_middle_of_a_transaction_releases_the_lock(database: Any, lock: WriteLock, path: Path) -> None:
    with transaction.atomic(using="tea"):
        set_number(5)
        database.close()
        assert not is_held(lock)
    assert number_in(path) == 0
    set_number(6)
    assert (number_in(path), is_held(lock)) == (6, False)


def test_a_transaction_that_cannot_begin_releases_the_lock(lock: WriteLock, path: Path) -> None:
    impatient = connect(timeout=0.05)
    stranger = sqlite3.connect(path, isolation_level=None)  # it does not take the lock
    stranger.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError, match="database is locked"):
        begin(impatient)
    assert not is_held(lock)
    stranger.close()
    impatient.close()


def test_a_holder_that_is_frozen_does_not_hang_the_others(lock: WriteLock, path: Path) -> None:
    impatient = connect(timeout=0.05)
    assert lock.acquire(0)
    begin(impatient)
    with impatient.cursor() as cursor:
        cursor.execute("UPDATE counter SET number = 7")
    impatient.commit()
    impatient.close()
    assert number_in(path) == 7
    assert is_held(lock)  # the holder still has it: who never had it did not release it
    lock.release()


@pytest.mark.usefixtures("database")
def test_without_a_lock_file_sqlites_own_lock_is_used(path: Path) -> None:
    path.with_name(f"{path.name}-lock").mkdir()
    set_number(4)
    assert number_in(path) == 4


@pytest.mark.parametrize(("writable", "is_kept"), [(True, True), (False, False)])
def test_a_read_only_connection_is_reopened_after_an_error(
    database: Any, monkeypatch: pytest.MonkeyPatch, writable: bool, is_kept: bool
) -> None:
    """Then a database can be written again as soon as its disk can."""
    monkeypatch.setattr("common.sqlite.base.os.access", lambda path, mode: writable)
    database.close()
    with database.cursor() as cursor, pytest.raises(OperationalError):
        cursor.execute("SELECT * FROM nothing")
    opened = database.connection
    database.close_if_unusable_or_obsolete()
    assert (database.connection is opened) is is_kept


def test_a_writer_waits_for_another_instead_of_failing(lock: WriteLock, path: Path) -> None:
    holding, waited_for = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic(using="tea"):
            holding.set()
            assert waited_for.wait(10)
            set_number(1)
        connections["tea"].close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert holding.wait(10)
    timer = threading.Timer(0.05, waited_for.set)
    timer.start()
    with transaction.atomic(using="tea"):
        assert number_in(path) == 1
        set_number(2)
    thread.join(10)
    timer.join(10)
    assert number_in(path) == 2


def test_two_processes_of_threads_that_read_and_write_lose_nothing(database: Any, tmp_path: Path, path: Path) -> None:
    with database.cursor() as cursor:
        cursor.execute("DROP TABLE counter")
        cursor.execute("CREATE TABLE counter (number INTEGER NOT NULL)")
        cursor.execute("INSERT INTO counter VALUES (0)")
    script = Path(__file__).with_name("increment.py")
    command = [sys.executable, "-W", "error", str(script), str(tmp_path), "4", "50"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    workers = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    complaints = [worker.communicate(timeout=60)[1] for worker in workers]
    assert (complaints, [worker.returncode for worker in workers]) == (["", ""], [0, 0])
    assert number_in(path) == 2 * 4 * 50


def test_row_values_are_compared_by_the_database() -> None:
    assert DatabaseWrapper.features_class.supports_tuple_lookups is True


class TestUnflushed:
    def setting(self) -> int:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous")
            return int(cursor.fetchone()[0])

    def test_a_block_is_not_flushed_and_what_follows_is_as_before(self) -> None:
        usual = self.setting()
        with unflushed():
            assert self.setting() == 1
        with pytest.raises(ZeroDivisionError), unflushed():
            assert self.setting() == 1 / 0
        assert self.setting() == usual

    def test_within_a_transaction_it_changes_nothing(self) -> None:
        usual = self.setting()
        with transaction.atomic(), unflushed():
            assert self.setting() == usual

    def test_a_connection_that_is_lost_in_it_begins_as_usual(self) -> None:
        usual = self.setting()
        with unflushed():
            connection.close()
        assert self.setting() == usual


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-02 03:04:05.000006", datetime(2026, 1, 2, 3, 4, 5, 6, UTC)),
        ("2026-01-02 03:04:05", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02 03:04:05+02:00", datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)),
        ("2026-01-02", datetime(2026, 1, 2, tzinfo=UTC)),
    ],
)
def test_a_moment_is_read_as_it_was_meant_whoever_wrote_it(database: Any, text: str, moment: datetime) -> None:
    with database.cursor() as cursor:
        cursor.execute("CREATE TABLE kettle (boiled_at datetime)")
        cursor.execute("INSERT INTO kettle VALUES (%s), (NULL)", [text])
        cursor.execute("SELECT boiled_at FROM kettle")
        assert cursor.fetchall() == [(moment,), (None,)]
