"""How `migrate` waits. That a real lock is given up in time is shown by tests/system/test_migrate.py."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.core.management.commands import migrate as django_migrate
from django.db import OperationalError

from common.management.commands import migrate


class Database:
    """PostgreSQL, as far as the command speaks with it. `faults` are raised by the next migrations."""

    vendor = "postgresql"

    def __init__(self) -> None:
        self.said: list[str] = []
        self.faults: list[Exception] = []

    @contextmanager
    def cursor(self) -> Iterator[Any]:
        yield SimpleNamespace(execute=lambda statement, *_: self.said.append(statement.split("(")[0]))

    def migrate(self, *args: Any, **options: Any) -> None:
        self.said.append("migrate")
        if self.faults:
            raise self.faults.pop(0)


def cause(sqlstate: str) -> OperationalError:
    class Refused(Exception):
        pass

    origin = Refused()
    origin.sqlstate = sqlstate  # type: ignore[attr-defined]
    error = OperationalError("canceling statement")
    error.__cause__ = origin
    return error


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    found = Database()
    monkeypatch.setattr(migrate, "connections", {"default": found})
    monkeypatch.setattr(django_migrate.Command, "handle", lambda self, *args, **options: found.migrate())
    monkeypatch.setattr(migrate.time, "sleep", lambda seconds: found.said.append("slept"))
    return found


def run() -> None:
    call_command(migrate.Command(), verbosity=0, skip_checks=True)


ONCE = ["SELECT set_config", "migrate", "RESET lock_timeout"]


def test_a_table_in_use_is_tried_again(database: Database) -> None:
    database.faults = [cause("55P03")]
    run()
    assert database.said == [*ONCE, "slept", *ONCE]


def test_another_fault_is_no_reason_to_wait(database: Database) -> None:
    database.faults = [cause("57014")]
    with pytest.raises(OperationalError):
        run()
    assert database.said == ONCE


def test_it_gives_up_in_the_end(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "PATIENCE_S", -1.0)
    database.faults = [cause("55P03")]
    with pytest.raises(CommandError, match="A table is in use all the time"):
        run()


def test_another_database_is_migrated_as_by_django(database: Database) -> None:
    database.vendor = "sqlite"
    run()
    assert database.said == ["migrate"]
