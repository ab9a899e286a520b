"""Whether a database file can be written, found out without writing into it."""

import errno
import os
import sqlite3
import tempfile
from collections.abc import Mapping
from contextlib import closing

from common.database_faults import SQLITE, Fault

ROOM = 128 * 1024  # more than any transaction of Plaza's adds to the log

ERRNO: Mapping[int, Fault] = {
    errno.ENOSPC: Fault.FULL,
    errno.EDQUOT: Fault.FULL,
    errno.EROFS: Fault.READ_ONLY,
    errno.EACCES: Fault.READ_ONLY,
    errno.EPERM: Fault.READ_ONLY,
}


def write_fault(path: str) -> Fault | None:
    """What keeps this process from writing the database at `path`, as far as can be told in a millisecond."""
    return _fault_of_place(os.path.dirname(path)) or _fault_of_file(path)


def _fault_of_place(folder: str) -> Fault | None:
    """Room for more is only sure once it is taken: quotas and network disks don't show in what `statvfs` says."""
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:  # has no name, so a crash leaves nothing behind
            file.write(bytes(ROOM))
    except OSError as error:
        return ERRNO.get(error.errno or 0, Fault.FAILING)
    return None


def _fault_of_file(path: str) -> Fault | None:
    """SQLite's own word. It waits for nobody: where another one writes, it can be written."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=rw", uri=True, timeout=0, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        fault = SQLITE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
        return fault if fault and fault.is_of_storage else None
    return None
