"""One write lock a database file: first a lock of this process's threads, then one of the machine's processes."""

import fcntl
import os
import threading
import time

_locks: dict[str, "WriteLock"] = {}
_locks_guard = threading.Lock()


def lock_for(database: str) -> "WriteLock":
    """The lock for a database file's path; always the same object within a process."""
    with _locks_guard:
        if database not in _locks:
            _locks[database] = WriteLock(f"{database}-lock")
        return _locks[database]


class WriteLock:
    def __init__(self, path: str) -> None:
        self._path = path
        self._threads = threading.Lock()
        self._file: int | None = None
        self._pid = 0

    def acquire(self, timeout_s: float) -> bool:
        """True once it is held; False when `timeout_s` seconds passed without it."""
        deadline = time.monotonic() + timeout_s
        if not self._threads.acquire(timeout=timeout_s):
            return False
        is_held = False
        try:
            is_held = self._acquire_file(deadline)
        finally:  # also when the lock file can't be made
            if not is_held:
                self._threads.release()
        return is_held

    def release(self) -> None:
        if self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        self._threads.release()

    def _acquire_file(self, deadline: float) -> bool:
        if self._pid != os.getpid():  # an inherited descriptor would share its lock with the parent
            self._file, self._pid = None, os.getpid()
        if self._file is None:
            self._file = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        pause = 0.0005
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                if time.monotonic() + pause > deadline:
                    return False
                time.sleep(pause)
                pause = min(pause * 2, 0.004)
