import errno
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from common.database_faults import Fault
from common.sqlite import write_probe
from common.sqlite.write_probe import ROOM, write_fault


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "Data-base.db"
    connection = sqlite3.connect(made)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE tea (name)")
    connection.close()
    return made


def test_a_database_that_can_be_written_has_no_fault_and_stays_as_it_was(path: Path) -> None:
    before = path.read_bytes()
    assert write_fault(str(path)) is None
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


class Full:
    """A file of a disk that says `number` at a write."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.tried = 0

    def __enter__(self) -> "Full":
        return self

    def __exit__(self, *args: object) -> None:
        pass

    def write(self, data: bytes) -> None:
        self.tried = len(data)
        raise OSError(self.number, "as the system says it")


@pytest.mark.parametrize(
    ("number", "fault"),
    [
        (errno.ENOSPC, Fault.FULL),
        (errno.EDQUOT, Fault.FULL),
        (errno.EROFS, Fault.READ_ONLY),
        (errno.EACCES, Fault.READ_ONLY),
        (errno.EPERM, Fault.READ_ONLY),
        (errno.EIO, Fault.FAILING),
        (errno.ESTALE, Fault.FAILING),
    ],
)
def test_what_the_system_says_of_the_place_is_the_fault(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int, fault: Fault
) -> None:
    full = Full(number)
    monkeypatch.setattr(write_probe.tempfile, "TemporaryFile", lambda **options: full)
    assert write_fault(str(path)) is fault
    assert full.tried == ROOM


def test_a_place_that_is_gone_is_failing(tmp_path: Path) -> None:
    assert write_fault(str(tmp_path / "gone" / "Data-base.db")) is Fault.FAILING


def test_a_file_that_sqlite_will_not_write_is_read_only(path: Path) -> None:
    """Of a format that is newer than it can write (sqlite.org/fileformat.html, 1.3.3), whoever runs the tests."""
    with path.open("r+b") as file:
        file.seek(18)
        file.write(b"\x03")
    assert write_fault(str(path)) is Fault.READ_ONLY


def test_what_is_no_database_is_damaged(path: Path) -> None:
    path.write_bytes(b"not a database " * 1000)
    assert write_fault(str(path)) is Fault.DAMAGED


def test_another_who_writes_is_not_waited_for(path: Path) -> None:
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    try:
        assert write_fault(str(path)) is None
    finally:
        writer.close()


def test_it_holds_up_nobody(path: Path) -> None:
    """The lock that it took is free again."""
    assert write_fault(str(path)) is None
    writer: Any = sqlite3.connect(path, isolation_level=None, timeout=0)
    writer.execute("BEGIN IMMEDIATE")
    writer.close()
