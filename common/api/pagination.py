"""Keyset pages. Each page costs the same, wherever it is in the list. New rows don't shift the pages that follow.

A cursor is signed. It holds a fingerprint of the ordering and the filters, the sort value and the id of the last row,
and the direction. The keyset is the pair (column, id) in one row comparison, which both databases read from an index.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import urlencode

from django.core import signing
from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.answers import columns_of, encode, respond
from common.keyset import beyond

SALT = "plaza.cursor"
DEFAULT_PAGE_SIZE = 20
MAX_PAGE_SIZE = 100


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page starts: after the row (`value`, `id`), or before it if `backwards`."""

    value: str
    id: str
    backwards: bool


M = TypeVar("M", bound=Model)


class Readable(Protocol[M]):
    """Rows that know best themselves how a page of them is read."""

    def read(self, column: str, descending: bool, position: Position | None, limit: int) -> list[M]: ...

    def values(self, *columns: str) -> "Readable[M]": ...


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """One page of rows. `next` and `previous` are path-absolute links or None."""

    rows: list[M]  # or dictionaries, if it was made from a queryset of `values()`
    next: str | None
    previous: str | None


def paginate(
    rows: QuerySet[M] | Readable[M],
    *,
    path: str,
    query: Mapping[str, Any],
    ordering: str,
    fit: Callable[[list[M]], int] = len,
) -> Page[M]:
    """The page of `rows` that `query` asks for.

    `rows` are filtered and not yet ordered, `path` is the links'. All of `query` but `cursor` and `page_size` binds the
    cursor. `ordering` is a column, with "-" for descending; rows with equal values follow in order of id, or its
    reverse. `fit` says how many of a page's rows, counted from where the page starts, it can hold: one at least.

    Raises:
        ValidationError: the cursor is forged, or belongs to other filters or to another ordering.
    """
    size = query.get("page_size") or DEFAULT_PAGE_SIZE
    binding = _binding(query, ordering)
    position = _read_cursor(query["cursor"], binding) if query.get("cursor") else None
    backwards = position is not None and position.backwards
    column, descending = ordering.removeprefix("-"), ordering.startswith("-") != backwards
    if isinstance(rows, QuerySet):
        last = (position.value, position.id) if position else None
        found = list(beyond(rows, column, descending, last)[: size + 1])
    else:
        found = rows.read(column, descending, position, size + 1)
    fitting = fit(found[:size])
    more, found = len(found) > fitting, found[:fitting]
    if backwards:
        found.reverse()
    link = partial(_link, path=path, query=query, column=column, binding=binding)
    has_next = bool(found) and (more or backwards)
    has_previous = bool(found) and (more if backwards else position is not None)
    return Page(
        rows=found,
        next=link(found[-1], back=False) if has_next else None,
        previous=link(found[0], back=True) if has_previous else None,
    )


def _link(row: Any, *, back: bool, path: str, query: Mapping[str, Any], column: str, binding: str) -> str:
    cursor = _write_cursor(binding, _sort_value(row, column), str(read_column(row, "id")), back)
    kept = {
        name: parameter_text(value) for name, value in query.items() if name != "cursor" and value not in (None, "")
    }
    # The parts of a cursor stand between colons, which a query may hold (RFC 3986, 3.4).
    return f"{path}?{urlencode({**kept, 'cursor': cursor}, safe=':')}"


class KeysetPagination(BasePagination):
    """`{"next", "previous", "results"}`, for a view that lists with `common.api.views.KeysetListView`."""

    page: Page[Any]

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        ordering = view.sorted_by()
        if columns := columns_of(view.get_serializer_class()):
            queryset = queryset.values(*{"id": None, ordering.removeprefix("-"): None, **dict.fromkeys(columns)})
        self.page = paginate(queryset, path=request.path, query=view.query, ordering=ordering, fit=self.fit)
        return self.page.rows

    def fit(self, rows: list[Any]) -> int:
        """How many of these rows a page can hold. Fewer than all where a row may hold much."""
        return len(rows)

    def get_paginated_response(self, data: Any) -> Response:
        return respond(encode({"next": self.page.next, "previous": self.page.previous, "results": data}))

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": ["string", "null"]}
        return {
            "type": "object",
            "properties": {"next": link, "previous": link, "results": schema},
            "required": ["next", "previous", "results"],
        }


def read_column(row: Any, column: str) -> Any:
    return row[column] if isinstance(row, dict) else getattr(row, column)


def _sort_value(row: Any, column: str) -> str:
    value = read_column(row, column)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def parameter_text(value: Any) -> str:
    """The text of a validated query parameter in a URL."""
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
    """Signs without a timestamp. So a page always has the same links, and the same ETag."""
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
