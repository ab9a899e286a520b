"""Keyset pages: a page costs the same wherever it lies, and what is added meanwhile shifts nothing.

A cursor is signed and holds the ordering, a fingerprint of the filters, the last row's sort value and id, and the
direction. The keyset is the pair (column, id) in one row comparison, which both databases answer from an index.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from django.core import signing
from django.db.models import F, Model, QuerySet
from django.db.models.fields.tuple_lookups import TupleGreaterThan, TupleLessThan
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError

SALT = "plaza.cursor"
DEFAULT_PAGE_SIZE = 20
MAX_PAGE_SIZE = 100


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page starts: beyond the row (`value`, `id`), forwards or backwards."""

    value: str
    id: str
    backwards: bool


M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """One page of rows; `next` and `previous` are path-absolute links or None."""

    rows: list[M]
    next: str | None
    previous: str | None


def paginate(rows: QuerySet[M], *, path: str, query: Mapping[str, Any], ordering: str) -> Page[M]:
    """The page of `rows` that `query` asks for.

    Args:
        rows: filtered, not yet ordered.
        path: what links start with.
        query: the validated query parameters; `cursor` and `page_size` steer, all others bind the cursor.
        ordering: a column name with an optional "-"; rows with equal values are ordered by id the same way.

    Raises:
        ValidationError: the cursor is forged, or was made with other filters or another ordering.
    """
    size = query.get("page_size") or DEFAULT_PAGE_SIZE
    binding = _binding(query, ordering)
    position = _read_cursor(query["cursor"], binding) if query.get("cursor") else None
    backwards = position is not None and position.backwards
    column, descending = ordering.removeprefix("-"), ordering.startswith("-") != backwards
    found = list(_beyond(rows, column, descending, position)[: size + 1])
    more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()

    def link(row: M, *, back: bool) -> str:
        cursor = _write_cursor(binding, _sort_value(row, column), str(row.pk), back)
        kept = {
            name: parameter_text(value) for name, value in query.items() if name != "cursor" and value not in (None, "")
        }
        return f"{path}?{urlencode({**kept, 'cursor': cursor})}"

    has_next = bool(found) and (more or backwards)
    has_previous = bool(found) and (more if backwards else position is not None)
    return Page(
        rows=found,
        next=link(found[-1], back=False) if has_next else None,
        previous=link(found[0], back=True) if has_previous else None,
    )


def _beyond(rows: QuerySet[M], column: str, descending: bool, position: Position | None) -> QuerySet[M]:
    sign = "-" if descending else ""
    rows = rows.order_by(f"{sign}{column}", f"{sign}pk")
    if position is None:
        return rows
    beyond = TupleLessThan if descending else TupleGreaterThan
    rows = rows.filter(beyond((F(column), F("pk")), (position.value, position.id)))
    # To the front: of two bounds on one column (a price range) SQLite starts at the one that it reads first.
    conditions = rows.query.where.children
    conditions.insert(0, conditions.pop())
    return rows


def _sort_value(row: Model, column: str) -> str:
    value = getattr(row, column)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def parameter_text(value: Any) -> str:
    """A validated query parameter as a URL spells it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _binding(query: Mapping[str, Any], ordering: str) -> str:
    filters = sorted(
        (name, parameter_text(value))
        for name, value in query.items()
        if name not in {"cursor", "page_size", "ordering"} and value not in (None, "")
    )
    return hashlib.sha256(json.dumps([ordering, filters]).encode()).hexdigest()[:16]


def signer() -> signing.Signer:
    """Without a time stamp: the same page has the same links, and so the same ETag, whenever it is read."""
    return signing.Signer(salt=SALT)


def _write_cursor(binding: str, value: str, row_id: str, backwards: bool) -> str:
    return signer().sign_object([binding, value, row_id, backwards])


def _read_cursor(cursor: str, binding: str) -> Position:
    try:
        made_for, value, row_id, backwards = signer().unsign_object(cursor)
    except (signing.BadSignature, ValueError) as error:
        raise ValidationError({"?cursor": [_("This cursor is not one of ours.")]}) from error
    if made_for != binding:
        raise ValidationError({"?cursor": [_("This cursor belongs to other filters or another ordering.")]})
    return Position(value, row_id, backwards)
