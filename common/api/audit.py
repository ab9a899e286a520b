"""What an audit reads of a service: every row, hidden ones too, in the order of their ids. Only the operator may.

A list can have millions of rows. So a page is large, starts after the row that `after` names, and is made without
serializers: a view's `shown` turns what its queryset has found into what is sent.
"""

# No docstring on the viewset: drf-spectacular would show it as the description of each view that inherits.

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from rest_framework import serializers
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from common.api.answers import encode, respond
from common.api.serializers import QuerySerializer
from common.statement_limit import statement_limit

PAGE_SIZE = 1000
STATEMENT_LIMIT_S = 60.0  # a product can be in each of a million orders

Row = dict[str, Any]
M = TypeVar("M")


class AuditQuery(QuerySerializer):
    after = serializers.UUIDField(required=False)
    page_size = serializers.IntegerField(required=False, min_value=1, max_value=PAGE_SIZE, default=PAGE_SIZE)


class AuditPagination(BasePagination):
    """`{"next", "results"}`. Nobody goes back."""

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        properties = {"next": {"type": ["string", "null"]}, "results": schema}
        return {"type": "object", "properties": properties, "required": list(properties)}


class AuditViewSet(ReadOnlyModelViewSet[Any]):
    callers = ("operator",)
    pagination_class = AuditPagination
    query_serializer_class = AuditQuery
    lookup_url_kwarg: str

    def shown(self, found: Sequence[Any]) -> list[Row]:
        """What is sent of these rows of the queryset, which are in the order of their ids. There is one at least."""
        return list(found)

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        query = self.query_serializer_class.read(request)
        with statement_limit(STATEMENT_LIMIT_S):
            found = list(_page(self.get_queryset(), query))
            rows = self.shown(found) if found else []
        link = None
        if len(rows) == query["page_size"]:
            after = {"after": rows[-1][self.lookup_url_kwarg], "page_size": query["page_size"]}
            link = f"{request.path}?{urlencode(after)}"
        return respond(encode({"next": link, "results": rows}))

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with statement_limit(STATEMENT_LIMIT_S):
            found = get_object_or_404(self.get_queryset(), pk=kwargs[self.lookup_url_kwarg])
            return respond(encode(self.shown([found])[0]))


def quantities(lines: Iterable[tuple[UUID, UUID, int]]) -> Mapping[UUID, dict[UUID, int]]:
    """Of lines (order, product, quantity): for each order, its quantities by product."""
    by_order: defaultdict[UUID, dict[UUID, int]] = defaultdict(dict)
    for order_id, product_id, quantity in lines:
        by_order[order_id][product_id] = quantity
    return by_order


def _page(rows: QuerySet[Any, M], query: dict[str, Any]) -> QuerySet[Any, M]:
    rows = rows.order_by("pk")
    if "after" in query:
        rows = rows.filter(pk__gt=query["after"])
    return rows[: query["page_size"]]
