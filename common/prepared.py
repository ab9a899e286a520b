"""Queries that are compiled once.

Django builds a query and compiles its SQL each time it is used. For a row that is found by its id, this takes ten times
as long as SQLite takes to find it. A prepared query is written as any other, with a `Parameter` for each value that is
known later:

    account = Prepared(lambda: User.objects.filter(pk=Parameter("id", UUIDField())))
    account.first(id=user_id)
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from django.db import connection
from django.db.models import AutoField, Expression, Field, Model, QuerySet
from django.db.models.sql import UpdateQuery

ROWS_AT_ONCE = 1000

Row = TypeVar("Row")


class Parameter(Expression):
    """A value that is given when the query is used. `output_field` says how the database takes it."""

    def __init__(self, name: str, output_field: "Field[Any, Any]") -> None:
        super().__init__(output_field)
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        return "%s", (self,)

    def value(self, values: Mapping[str, Any], connection: Any) -> Any:
        return self.output_field.get_db_prep_save(values[self.name], connection)


class Prepared(Generic[Row]):
    """The rows of a queryset: instances without related ones, or the dictionaries of `values()`."""

    def __init__(self, build: Callable[[], QuerySet[Any, Row]]) -> None:
        self._build = build
        self._of_thread = threading.local()  # what is compiled belongs to a connection, and that to a thread

    def all(self, **values: Any) -> list[Row]:
        try:
            plan: _Selection[Row] = self._of_thread.plan
        except AttributeError:
            plan = self._of_thread.plan = _Selection(self._build())
        return plan.rows(values)

    def first(self, **values: Any) -> Row | None:
        rows = self.all(**values)
        return rows[0] if rows else None


class PreparedUpdate:
    """As `QuerySet.update`: `build` returns the queryset and the changes."""

    def __init__(self, build: Callable[[], tuple[QuerySet[Any, Any], Mapping[str, Any]]]) -> None:
        self._build = build
        self._of_thread = threading.local()

    def run(self, **values: Any) -> int:
        """Returns how many rows there were."""
        try:
            plan: _Statement = self._of_thread.plan
        except AttributeError:
            plan = self._of_thread.plan = _Statement(_update(*self._build()))
        with plan.executed(values) as cursor:
            changed: int = cursor.rowcount
            return changed


def insert(rows: Sequence[Model]) -> None:
    """As `bulk_create`, but the rows are not told the ids that the database gives them."""
    for start in range(0, len(rows), ROWS_AT_ONCE):
        some = rows[start : start + ROWS_AT_ONCE]
        columns = [each for each in type(some[0])._meta.local_concrete_fields if not isinstance(each, AutoField)]
        row = f"({', '.join(['%s'] * len(columns))})"
        with connection.cursor() as cursor:
            cursor.execute(
                f"{_insert_into(type(some[0]), columns)} VALUES {', '.join([row] * len(some))}",
                [each.get_db_prep_save(each.pre_save(one, True), connection) for one in some for each in columns],
            )


def _insert_into(model: type[Model], columns: Sequence["Field[Any, Any]"]) -> str:
    quoted = ", ".join(connection.ops.quote_name(str(each.column)) for each in columns)
    return f"INSERT INTO {connection.ops.quote_name(model._meta.db_table)} ({quoted})"


class _Statement:
    def __init__(self, compiler: Any) -> None:
        self._connection = compiler.connection
        self._sql, self._parameters = compiler.as_sql()

    @contextmanager
    def executed(self, values: Mapping[str, Any]) -> Iterator[Any]:
        given = [
            each.value(values, self._connection) if isinstance(each, Parameter) else each for each in self._parameters
        ]
        with self._connection.cursor() as cursor:
            cursor.execute(self._sql, given)
            yield cursor


class _Selection(_Statement, Generic[Row]):
    def __init__(self, queryset: QuerySet[Any, Row]) -> None:
        self._compiler = queryset.query.get_compiler(queryset.db)
        super().__init__(self._compiler)
        columns = [column for column, _, _ in self._compiler.select]
        self._converters = self._compiler.get_converters(columns)
        self._make = _maker(queryset, columns)

    def rows(self, values: Mapping[str, Any]) -> list[Row]:
        with self.executed(values) as cursor:
            rows = cursor.fetchall()
        return list(map(self._make, self._compiler.apply_converters(rows, self._converters)))


def _update(queryset: QuerySet[Any, Any], changes: Mapping[str, Any]) -> Any:
    query: Any = queryset.query.chain(UpdateQuery)
    query.add_update_values(changes)
    return query.get_compiler(queryset.db)


def _maker(queryset: QuerySet[Any, Any], columns: Sequence[Any]) -> Callable[[Sequence[Any]], Any]:
    """Makes a row of the queryset of what the database answers."""
    if names := queryset.query.selected:  # of `values()`, annotations included
        return lambda row: dict(zip(names, row, strict=True))
    attributes = [column.target.attname for column in columns]
    return lambda row: queryset.model.from_db(queryset.db, attributes, row)
