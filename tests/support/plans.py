"""The plans of statements, on both databases."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection


@contextmanager
def planned() -> Iterator[list[str]]:
    """The plans of what this thread's connection reads in the block, one a statement.

    PostgreSQL may not scan a table or sort in it where an index would do, as it rightly does in small tables.
    """
    seen: list[tuple[str, Any]] = []

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("SELECT"):
            seen.append((sql, params))
        return execute(sql, params, many, context)

    plans: list[str] = []
    with connection.execute_wrapper(note):
        yield plans
    plans += [plan(sql, params) for sql, params in seen]


def plan(sql: str, params: Any) -> str:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
            return "\n".join(row[3] for row in cursor.fetchall())
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
        cursor.execute(f"EXPLAIN (COSTS OFF) {sql}", params)
        return "\n".join(row[0] for row in cursor.fetchall())


def sorts(plan: str) -> bool:
    return "TEMP B-TREE" in plan or "Sort" in plan
