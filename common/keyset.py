"""Where a list goes on: after a row's pair of (column, id), in one row comparison, which both databases read from an
index."""

from typing import Any, TypeVar

from django.db.models import F, Model, QuerySet
from django.db.models.fields.tuple_lookups import TupleGreaterThan, TupleLessThan

M = TypeVar("M", bound=Model)


def beyond(rows: QuerySet[M], column: str, descending: bool, last: tuple[Any, Any] | None = None) -> QuerySet[M]:
    """`rows` in the order of `column`, those with equal values in order of id, or the reverse of both.

    Only those after `last`, a value of the column and an id, unless it is None.
    """
    sign = "-" if descending else ""
    rows = rows.order_by(f"{sign}{column}", f"{sign}pk")
    if last is None:
        return rows
    comparison = TupleLessThan if descending else TupleGreaterThan
    rows = rows.filter(comparison((F(column), F("pk")), last))
    # To the front: of two lower bounds on one column (the keyset's and a price range's) SQLite uses the first one.
    conditions = rows.query.where.children
    conditions.insert(0, conditions.pop())
    return rows
