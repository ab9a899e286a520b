import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from operations import backup, snapshot
from operations.console import OperationError
from operations.databases import Database, databases
from operations.layout import SERVERS, System

NOW = datetime(2026, 11, 26, 8, 30, tzinfo=UTC)


@pytest.fixture
def system(tmp_path: Path) -> System:
    """Four small databases, as `up` would leave them."""
    made = System(tmp_path / "data")
    made.create()
    for server in SERVERS:
        path = tmp_path / "data" / server.project / "Data-base.db"
        path.parent.mkdir()
        with closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("CREATE TABLE django_migrations (id INTEGER PRIMARY KEY, app TEXT, name TEXT)")
            database.execute("CREATE TABLE rows (number INTEGER)")
            database.execute("INSERT INTO django_migrations (app, name) VALUES (?, '0001_initial')", (server.name,))
            database.commit()
    return made


def write(database: Database, number: int) -> None:
    with closing(sqlite3.connect(database.path, timeout=0)) as connection:
        connection.execute("INSERT INTO rows VALUES (?)", (number,))
        connection.commit()


def numbers(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as connection:
        return [number for (number,) in connection.execute("SELECT number FROM rows ORDER BY 1")]


def each_take(monkeypatch: pytest.MonkeyPatch, before: Callable[[Database], None]) -> None:
    """Have `before` called before each snapshot is taken."""
    take = snapshot.SqliteSnapshot.take

    def told(self: snapshot.SqliteSnapshot) -> None:
        before(self.database)
        take(self)

    monkeypatch.setattr(snapshot.SqliteSnapshot, "take", told)


def test_orders_is_first_and_cannot_write_before_all_snapshots_are_taken(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = next(each for each in databases(system) if each.name == "orders")
    taken = []

    def try_to_write(database: Database) -> None:
        taken.append(database.name)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            write(orders, 1)

    each_take(monkeypatch, try_to_write)
    with snapshot.taken(databases(system)):
        write(orders, 2)
    assert taken == ["orders", "gateway", "users", "products"]
    assert numbers(orders.path) == [2]


def test_a_writer_of_orders_is_waited_for(system: System) -> None:
    orders = next(each for each in databases(system) if each.name == "orders")
    with closing(sqlite3.connect(orders.path, isolation_level=None, check_same_thread=False)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO rows VALUES (7)")
        threading.Timer(0.2, writer.execute, ["COMMIT"]).start()
        with snapshot.taken(databases(system)) as snapshots:
            snapshots[0].copy(system.base / "copy.db", lambda written, whole: None)
    assert numbers(system.base / "copy.db") == [7]


def test_what_is_written_during_the_copying_is_not_in_it(system: System) -> None:
    with snapshot.taken(databases(system)) as snapshots:
        for each in snapshots:
            write(each.database, 1)
            each.copy(system.base / f"{each.database.name}.db", lambda written, whole: None)
    assert [numbers(system.base / f"{server.name}.db") for server in SERVERS] == [[], [], [], []]
    assert not list(system.base.glob("*.db-*"))


def test_a_damaged_database_is_no_backup(system: System, tmp_path: Path) -> None:
    users = next(each for each in databases(system) if each.name == "users")
    with closing(sqlite3.connect(users.path)) as connection:
        connection.executemany("INSERT INTO rows VALUES (?)", [(number,) for number in range(5000)])
        connection.execute("CREATE INDEX rows_by_number ON rows (number)")
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = users.path.read_bytes()
    users.path.write_bytes(content[:-8192] + bytes(8192))
    with pytest.raises(OperationError, match="damaged"):
        backup.back_up(system, tmp_path / "kept", NOW)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_database_that_is_missing_or_elsewhere_is_not_taken_for_an_empty_one(system: System, tmp_path: Path) -> None:
    databases(system)[0].path.unlink()
    with pytest.raises(OperationError, match="is missing"):
        backup.back_up(system, tmp_path / "kept", NOW)


def test_what_is_no_backup_is_not_replaced(system: System, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/cat.jpg").touch()
    with pytest.raises(OperationError, match="is no backup"):
        backup.back_up(system, tmp_path / "photos", NOW)
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["cat.jpg"]


def test_an_earlier_backup_is_replaced_where_the_system_cannot_exchange_folders(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "_exchange", lambda one, other: False)
    for _ in range(3):
        backup.back_up(system, tmp_path / "kept", NOW)
        assert (tmp_path / "kept/manifest.json").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"data", "kept", "kept.previous"}


def test_the_newest_are_kept_and_nothing_else_is_touched(system: System, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    (folder / "notes.txt").touch()
    (folder / ".2026-11-25T083000Z.old").mkdir()  # a run was killed while it removed one
    for day in (23, 24, 25, 26):
        backup.back_up(system, folder / NOW.replace(day=day).strftime(backup.DATED), NOW)
    backup.forget(folder, keep=2)
    assert {path.name for path in folder.iterdir()} == {"notes.txt", "2026-11-25T083000Z", "2026-11-26T083000Z"}
