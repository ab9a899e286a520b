import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from common.settings import ROOT
from common.sqlite.write_lock import WriteLock, lock_for
from tests.support.threads import in_threads

# Takes the lock, reports it, and holds it until its input ends.
HOLDER = """
import sys
from common.sqlite.write_lock import lock_for
assert lock_for(sys.argv[1]).acquire(5)
print("held", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def database(tmp_path: Path) -> str:
    return str(tmp_path / "Data-base.db")


def is_free(lock: WriteLock) -> bool:
    if lock.acquire(0):
        lock.release()
        return True
    return False


@contextmanager
def held_by_another_process(database: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLDER, database]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stdin=-1, stdout=-1, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        try:
            yield holder
        finally:
            holder.kill()


def test_a_database_has_one_lock_a_process(database: str, tmp_path: Path) -> None:
    assert lock_for(database) is lock_for(database)
    assert lock_for(database) is not lock_for(str(tmp_path / "other.db"))


def test_threads_that_ask_together_get_one_lock(database: str) -> None:
    together = threading.Barrier(8, timeout=10)

    def ask() -> WriteLock:
        together.wait()
        return lock_for(database)

    assert len(set(in_threads(8, ask))) == 1


def test_a_held_lock_is_not_given_to_another_thread(database: str) -> None:
    lock = lock_for(database)
    assert lock.acquire(1) is True
    assert in_threads(1, lambda: is_free(lock)) == [False]
    lock.release()
    assert in_threads(1, lambda: is_free(lock)) == [True]


def test_a_thread_that_waits_gets_the_lock_when_it_is_released(database: str) -> None:
    lock, got_it = lock_for(database), threading.Event()
    lock.acquire(1)

    def wait_for_it() -> None:
        assert lock.acquire(10)
        got_it.set()
        lock.release()

    thread = threading.Thread(target=wait_for_it)
    thread.start()
    assert not got_it.is_set()
    lock.release()
    assert got_it.wait(10)
    thread.join(10)
    assert is_free(lock)


def test_it_excludes_other_processes_too(database: str) -> None:
    lock = lock_for(database)
    with held_by_another_process(database):
        assert lock.acquire(0.05) is False
        assert lock.acquire(0) is False
    assert lock.acquire(5) is True
    lock.release()


def test_a_wait_that_timed_out_blocks_no_other_thread(database: str) -> None:
    lock = lock_for(database)
    with held_by_another_process(database):
        assert lock.acquire(0) is False
    assert in_threads(1, lambda: is_free(lock)) == [True]


def test_a_process_that_is_killed_gives_the_lock_back(database: str) -> None:
    with held_by_another_process(database) as holder:
        holder.kill()
        holder.wait(10)
        assert lock_for(database).acquire(5) is True
        lock_for(database).release()


def test_a_waiting_thread_gets_the_lock_after_another_process(database: str) -> None:
    lock = lock_for(database)
    with held_by_another_process(database) as holder:
        ending = threading.Timer(0.05, holder.kill)
        ending.start()
        assert lock.acquire(10) is True
        lock.release()
        ending.join(10)


def test_a_lock_file_that_cannot_be_made_blocks_nobody(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    lock = lock_for(str(folder / "Data-base.db"))
    with pytest.raises(FileNotFoundError):
        lock.acquire(0)
    folder.mkdir()
    assert lock.acquire(0) is True
    lock.release()


def test_a_forked_process_does_not_share_its_parents_descriptor(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock of `flock` belongs to the open file, so a process that inherits the file could release it."""
    lock = lock_for(database)
    assert lock.acquire(0) is True
    lock.release()
    before = lock._file
    monkeypatch.setattr("common.sqlite.write_lock.os.getpid", lambda: -1)  # as if this were the child
    assert lock.acquire(0) is True
    assert lock._file != before
    lock.release()


def test_the_lock_file_is_private(database: str) -> None:
    before = os.umask(0)
    try:
        assert is_free(lock_for(database))
    finally:
        os.umask(before)
    assert os.stat(f"{database}-lock").st_mode & 0o777 == 0o600
