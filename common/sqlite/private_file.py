"""A database file that only its owner reads, made before SQLite would make one for all."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def ensure_private(path: str) -> None:
    """Make an empty 0600 file at `path` unless there is one; SQLite gives its -wal and -shm the same mode.

    The file is linked to, never opened here. A process that closes *any* descriptor of a database drops all of its
    POSIX locks on it, SQLite's own included (sqlite.org/howtocorrupt.html, 2.2): another process then takes itself for
    the last user, deletes the write-ahead log, and what is committed after that is lost with this process.
    """
    if os.path.exists(path):
        return
    descriptor, draft = tempfile.mkstemp(prefix=".new-", dir=Path(path).parent)  # mkstemp: 0600, exclusively
    os.close(descriptor)
    with suppress(FileExistsError):
        os.link(draft, path)
    os.unlink(draft)
