"""All databases as they are at one moment, while Plaza goes on writing.

Orders stores what it wants before it asks products, and the answer afterwards. So a backup must have all of products
that its orders were told, and no reservation for an order that it doesn't have. Neither order of copying gives both:
products first loses the stock of orders that were confirmed meanwhile, orders first has them confirmed after they were
cancelled and released. So orders is kept from writing for the milliseconds in which the snapshots are taken, its own
first. They are what a crash at that moment would have left, and the relay settles that.
"""

import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from . import postgres
from .console import OperationError
from .databases import Database

PATIENCE_S = 30.0  # until orders can be kept from writing
LOCK_TIMEOUT = "2s"  # of one try on PostgreSQL, since all writers wait behind it
PAGES = 2000  # of SQLite between two looks at the progress

Tell = Callable[[int, int | None], None]  # bytes written, and bytes in all if that is known


class Snapshot:
    """One database, as it was when the snapshot was taken."""

    suffix: str

    def __init__(self, database: Database) -> None:
        self.database = database

    def take(self) -> None:
        raise NotImplementedError

    def migrations(self) -> list[str]:
        """Those that it had, as `app.name`."""
        raise NotImplementedError

    def copy(self, target: Path, tell: Tell) -> None:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


class SqliteSnapshot(Snapshot):
    """A read transaction. SQLite's own backup call copies what it sees, whatever is written meanwhile."""

    suffix = ".db"

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        if not database.path.exists():
            raise OperationError(f"{database.path} is missing; is this the --data-dir of a Plaza that has been up?")
        self._connection = connect(database.path)

    def take(self) -> None:
        self._connection.execute("BEGIN")
        self.migrations()

    def migrations(self) -> list[str]:
        found = self._connection.execute("SELECT app || '.' || name FROM django_migrations ORDER BY id")
        return [name for (name,) in found]

    def copy(self, target: Path, tell: Tell) -> None:
        (page_size,) = self._connection.execute("PRAGMA page_size").fetchone()

        def progress(status: int, remaining: int, total: int) -> None:
            tell((total - remaining) * page_size, total * page_size)

        copied = sqlite3.connect(target, isolation_level=None)
        try:
            copied.execute("PRAGMA synchronous = OFF")  # it is flushed as a whole
            self._connection.backup(copied, pages=PAGES, progress=progress)
            copied.execute("PRAGMA journal_mode = DELETE")  # one file, with nothing beside it
            if copied.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise OperationError(f"{self.database.path} is damaged; `PRAGMA integrity_check` says where.")
        finally:
            copied.close()

    def close(self) -> None:
        self._connection.close()


class PostgresSnapshot(Snapshot):
    """A snapshot that a transaction exports, and `pg_dump` imports."""

    suffix = ".dump"

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._session = postgres.Psql(database.name, database.url)
        self._id = ""

    def take(self) -> None:
        (self._id,) = self._session.ask(postgres.SNAPSHOT)

    def migrations(self) -> list[str]:
        return self._session.ask(postgres.MIGRATIONS)

    def copy(self, target: Path, tell: Tell) -> None:
        dump = ["pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--snapshot={self._id}"]
        with postgres.running(self.database.name, self.database.url, [*dump, f"--file={target}"]) as process:
            while process.poll() is None:
                tell(target.stat().st_size if target.exists() else 0, None)
                time.sleep(0.2)

    def close(self) -> None:
        self._session.__exit__()


@contextmanager
def taken(databases: Sequence[Database]) -> Iterator[list[Snapshot]]:
    """Snapshots of all, orders first, that belong to one moment. Raises `OperationError`."""
    orders_first = sorted(databases, key=lambda database: database.name != "orders")
    with ExitStack() as stack:
        snapshots: list[Snapshot] = []
        for database in orders_first:
            snapshots.append(PostgresSnapshot(database) if database.url else SqliteSnapshot(database))
            stack.callback(snapshots[-1].close)
        with _kept_from_writing(orders_first[0]):
            for snapshot in snapshots:
                snapshot.take()
        yield snapshots


@contextmanager
def _kept_from_writing(database: Database) -> Iterator[None]:
    """As `up`'s own writers do, it waits for its turn; and not for ever."""
    with _locked_postgres(database) if database.url else _locked_sqlite(database.path):
        yield


@contextmanager
def _locked_sqlite(path: Path) -> Iterator[None]:
    """First the lock file where this database's writers queue, then the database itself."""
    give_up_at = time.monotonic() + PATIENCE_S
    queue = os.open(f"{path}-lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        while not _is_locked(queue) and time.monotonic() < give_up_at:
            time.sleep(0.002)
        writer = connect(path)
        try:
            writer.execute("BEGIN IMMEDIATE")
            yield
        finally:
            writer.close()
    finally:
        os.close(queue)


def _is_locked(descriptor: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


@contextmanager
def _locked_postgres(database: Database) -> Iterator[None]:
    """Each change of an order writes its row, so nothing of orders can change while nobody may write that table."""
    give_up_at = time.monotonic() + PATIENCE_S
    while True:
        with postgres.Psql(database.name, database.url) as session:
            try:
                session.ask(f"BEGIN; SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
                session.ask("LOCK TABLE orders_order IN EXCLUSIVE MODE")
            except OperationError as error:
                if "lock timeout" not in str(error) or time.monotonic() > give_up_at:
                    raise
                continue
            yield
            return


def connect(path: Path) -> sqlite3.Connection:
    """To a database that is there already."""
    return sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=PATIENCE_S)
