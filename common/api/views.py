"""Views that more than one service has.

`KeysetListView` lists in keyset pages. It checks the query parameters first; `query` then holds them, for
`get_queryset` and for the pagination. Pages follow the query's `ordering` if it has one, else the view's.

`AnsweringView` shows one thing. Both answer as `common.api.answers` does.
"""

# No docstrings on the classes: drf-spectacular would show them as the description of each view that inherits.

from collections.abc import Mapping
from typing import Any

from rest_framework.generics import GenericAPIView, ListAPIView
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.answers import presenter_of, respond_with
from common.api.pagination import KeysetPagination
from common.api.serializers import PageQuery


class AnsweringView(GenericAPIView[Any]):
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return respond_with(self.get_serializer_class(), self.get_object())


class KeysetListView(AnsweringView, ListAPIView[Any]):
    pagination_class: type[BasePagination] | None = KeysetPagination
    query_serializer_class: type[PageQuery] = PageQuery
    query: dict[str, Any]
    ordering: str
    sort_columns: Mapping[str, str] = {}  # by name of an ordering, where its column is another one

    def sorted_by(self) -> str:
        """A column, with "-" for descending."""
        chosen: str = self.query.get("ordering") or self.ordering
        name = chosen.removeprefix("-")
        return chosen.removesuffix(name) + self.sort_columns.get(name, name)

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        self.query = self.query_serializer_class.read(request)
        rows = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or ()
        schema: Any = self.get_serializer_class()
        return self.get_paginated_response(list(map(presenter_of(schema), rows)))
