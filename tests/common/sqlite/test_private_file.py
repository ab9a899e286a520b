"""The database file is private from the start, and making it drops no lock of another connection."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from common.sqlite.base import DatabaseWrapper
from common.sqlite.private_file import ensure_private

READ_AND_CLOSE = (
    "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM t').fetchall(); c.close()"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "Data-base.db"


@pytest.fixture
def first(path: Path, db: None) -> Iterator[DatabaseWrapper]:
    wrapper = connect(path)
    wrapper.cursor().execute("CREATE TABLE t (n integer)")
    yield wrapper
    wrapper.close()


def connect(path: Path) -> DatabaseWrapper:
    wrapper = DatabaseWrapper({**connection.settings_dict, "NAME": str(path)}, alias="another")
    wrapper.inc_thread_sharing()
    wrapper.connect()
    return wrapper


def test_a_new_file_is_private(path: Path) -> None:
    ensure_private(str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_an_existing_file_is_not_changed(path: Path) -> None:
    path.write_bytes(b"kept")
    ensure_private(str(path))
    assert path.read_bytes() == b"kept"


def test_when_two_make_the_file_the_second_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(b"kept")
    monkeypatch.setattr(os.path, "exists", lambda _: False)  # as if the other made it after the check
    ensure_private(str(path))
    assert path.read_bytes() == b"kept"
    assert list(path.parent.iterdir()) == [path]


def test_the_write_ahead_log_is_private_too(path: Path, first: DatabaseWrapper) -> None:
    assert stat.S_IMODE(path.with_name("Data-base.db-wal").stat().st_mode) == 0o600


def test_another_process_does_not_delete_the_log_of_one_that_connected_twice(
    path: Path, first: DatabaseWrapper
) -> None:
    log = path.with_name("Data-base.db-wal")
    inode = log.stat().st_ino
    second = connect(path)  # must not open and close the file by itself: that would drop the locks of `first`
    subprocess.run([sys.executable, "-c", READ_AND_CLOSE, str(path)], check=True)
    second.close()
    assert log.stat().st_ino == inode
