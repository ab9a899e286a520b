"""Tables of any size in batches, so that no statement and no transaction is long."""

from collections.abc import Iterator
from typing import Any, TypeVar

from django.db.models import Model, QuerySet

from common.keyset import beyond

SIZE = 500

M = TypeVar("M", bound=Model)


def in_batches(rows: QuerySet[M], ordering: str) -> Iterator[list[M]]:
    """`ordering` is a column, with "-" for descending; rows with equal values follow in order of id, or its reverse.

    Each batch is read from an index where the one before it ended.
    """
    column, descending = ordering.removeprefix("-"), ordering.startswith("-")
    batch = list(beyond(rows, column, descending)[:SIZE])
    while batch:
        yield batch
        last = (getattr(batch[-1], column), batch[-1].pk)
        batch = list(beyond(rows, column, descending, last)[:SIZE])


def delete_in_batches(rows: QuerySet[Any]) -> int:
    """Returns how many there were."""
    deleted = 0
    while ids := list(rows.values_list("pk", flat=True)[:SIZE]):
        rows.model._default_manager.filter(pk__in=ids).delete()
        deleted += len(ids)
    return deleted
