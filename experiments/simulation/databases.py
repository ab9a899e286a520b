"""The services' real SQLite databases. Each statement is a step, and who waits for the write lock lets others run."""

import sqlite3
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

from common.sqlite.base import DatabaseWrapper

from .replacing import replace
from .scheduler import SCHEDULER, Lock, Task

WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")
KEPT = ("django_migrations", "products_productentry_fts")  # tables that a run does not fill


class WriteLock(Lock):
    """In the place of the lock that the processes of one database share."""

    def acquire(self, timeout_s: float) -> bool:  # type: ignore[override]
        return super().acquire(timeout_s)


@cache
def lock_of(path: str) -> WriteLock:
    return WriteLock()


class SteppingWrapper(DatabaseWrapper):
    """A connection of one task. What is compiled for it is in `plans`."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config, DEFAULT_DB_ALIAS)
        self.plans: dict[int, dict[str, Any]] = {}
        self.execute_wrappers.append(_step)

    def get_connection_params(self) -> dict[str, Any]:
        """SQLite itself never waits: the lock before it does, and lets others run."""
        return super().get_connection_params() | {"timeout": 0}

    def _commit(self) -> None:
        SCHEDULER.step("COMMIT")
        super()._commit()


def _step(execute: Any, sql: str, parameters: Any, many: bool, context: dict[str, Any]) -> Any:
    """A write outside of a transaction takes the lock too. SQLite itself would wait for it, and everyone with it."""
    what, writes = _shown(sql)
    SCHEDULER.step(what)
    wrapper: SteppingWrapper = context["connection"]
    if not writes or wrapper.in_atomic_block:
        return execute(sql, parameters, many, context)
    lock = lock_of(str(wrapper.settings_dict["NAME"]))
    is_held = lock.acquire(timeout_s=wrapper.settings_dict["OPTIONS"]["timeout"])
    try:
        return execute(sql, parameters, many, context)
    finally:
        if is_held:
            lock.release()


@cache
def _shown(sql: str) -> tuple[str, bool]:
    """The statement in a few words, and whether it writes."""
    words = sql.replace('"', "").replace("(", " ").split()
    verb = words[0].upper()
    if verb in ("SELECT", "DELETE"):
        tables = [after for word, after in pairwise(words) if word.upper() == "FROM"]
        return f"{verb} {tables[0] if tables else ''}".rstrip(), verb in WRITES
    if verb == "INSERT":
        return f"INSERT {words[words.index('INTO') + 1]}", True
    return " ".join(words[:2]), verb in WRITES


class Connections:
    """In the place of Django's, which are one for each thread: here each task has its own, of its process's project.

    A task that ends gives its connection to the next one, as a server's thread does. That of a dead process is closed.
    """

    def __init__(self, configs: dict[str, dict[str, Any]]) -> None:
        self._configs = configs
        self._free: dict[str, list[SteppingWrapper]] = {project: [] for project in configs}
        self._project = next(iter(configs))  # of whoever is no task

    def enter(self, project: str) -> None:
        self._project = project

    def __getattr__(self, alias: str) -> SteppingWrapper:
        if alias != DEFAULT_DB_ALIAS:
            raise AttributeError(alias)
        task = SCHEDULER.current
        if task is None:
            return self._borrowed(self._project)
        if task.connection is None:
            free = self._free[task.process.project]
            task.connection = free.pop() if free else SteppingWrapper(self._configs[task.process.project])
        connection: SteppingWrapper = task.connection
        return connection

    def _borrowed(self, project: str) -> SteppingWrapper:
        if not self._free[project]:
            self._free[project].append(SteppingWrapper(self._configs[project]))
        return self._free[project][0]

    def take_back(self, task: Task) -> None:
        connection, task.connection = task.connection, None
        if connection is None:
            return
        if task.is_dead:
            connection.close()
            connection.connect()  # its state is that of a new one
        self._free[task.process.project].append(connection)


class OfConnection:
    """In the place of `threading.local` where queries are kept that belong to a connection."""

    def __getattr__(self, name: str) -> Any:
        try:
            return connections[DEFAULT_DB_ALIAS].plans[id(self)][name]  # type: ignore[attr-defined]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        connections[DEFAULT_DB_ALIAS].plans.setdefault(id(self), {})[name] = value  # type: ignore[attr-defined]


def install(configs: dict[str, dict[str, Any]]) -> Connections:
    made = Connections(configs)
    connections._connections = made  # type: ignore[attr-defined]
    replace("common.sqlite.base.lock_for", lock_of)
    SCHEDULER.on_end = made.take_back
    return made


class File:
    """A database as an onlooker sees it: without steps."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=0)
        self._connection.execute("PRAGMA synchronous=OFF")
        names = self.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        self._tables = [name for (name,) in names if not name.startswith(KEPT)]

    def rows(self, sql: str, *values: Any) -> list[Any]:
        return self._connection.execute(sql, values).fetchall()

    def empty(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        for table in self._tables:
            self._connection.execute(f"DELETE FROM {table}")
        self._connection.execute("DELETE FROM sqlite_sequence")
        self._connection.execute("COMMIT")

    def add(self, table: str, rows: Sequence[dict[str, Any]]) -> None:
        for row in rows:
            columns, marks = ", ".join(row), ", ".join("?" * len(row))
            self._connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", list(row.values()))
