"""The SQL of a block of code."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

TRANSACTIONS = ("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK")


@contextmanager
def statements() -> Iterator[list[str]]:
    """What this thread's connection executes in the block, without the beginnings and ends of transactions."""
    executed: list[str] = []

    def note(execute: Any, sql: str, *rest: Any) -> Any:
        if not sql.startswith(TRANSACTIONS):
            executed.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(note):
        yield executed


@contextmanager
def whole_transactions() -> Iterator[list[str]]:
    """What the connection executes in the block, with the beginnings and ends of transactions; filled at its end."""
    executed: list[str] = []
    with CaptureQueriesContext(connection) as captured:
        yield executed
    executed += [query["sql"] for query in captured]


def verbs(executed: list[str]) -> list[str]:
    """SELECT, UPDATE and so on, in the order of execution."""
    return [sql.partition(" ")[0] for sql in executed]
