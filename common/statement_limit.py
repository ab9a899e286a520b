"""A time limit for each statement of a block of code, on both databases."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from math import inf
from time import monotonic
from typing import Any

from django.db import connection

Execute = Callable[[str, Any, bool, dict[str, Any]], Any]


_limit_s: ContextVar[float | None] = ContextVar("limit_s", default=None)


@contextmanager
def statement_limit(limit_s: float) -> Iterator[None]:
    """In this block a statement that takes longer fails: `fault_of` says TOO_COSTLY of its `OperationalError`.

    In a block within such a block the inner limit counts.
    """
    limit = _limit_on_postgresql if connection.vendor == "postgresql" else _limit_on_sqlite
    is_within_another = _limit_s.get() is not None
    token = _limit_s.set(limit_s)
    try:
        with nullcontext() if is_within_another else connection.execute_wrapper(limit):
            yield
    finally:
        _limit_s.reset(token)
        if connection.vendor == "sqlite":
            connection.statement_ends_at = None  # type: ignore[attr-defined]


def _limit_on_sqlite(execute: Execute, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    # Rows are found while they are fetched, so this stands until the next statement.
    context["connection"].statement_ends_at = monotonic() + (_limit_s.get() or inf)
    return execute(sql, params, many, context)


def _limit_on_postgresql(execute: Execute, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """In one message with the statement, so it costs no round trip, and leaves nothing behind at a pooler's server."""
    limit_ms = round((_limit_s.get() or 0) * 1000)  # to PostgreSQL, 0 is none
    result = execute(f"SET LOCAL statement_timeout = {limit_ms}; {sql}", params, many, context)
    context["cursor"].nextset()  # the first result was SET's
    return result
