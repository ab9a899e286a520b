"""Lists whose statements are compiled once for each combination of a query's parameters.

For a page, Django takes several times as long to build and compile a queryset as the database takes to read it.

    PRODUCTS = Listing(filtered, category=SlugField(), min_price=PRICE)
    page = paginate(PRODUCTS.of({"min_price": Decimal(5), "in_stock": True}), …)

`filtered` gets a `Parameter` for each value that is named here, and everything else as it is: so a value that is not
named, here `in_stock`, has a statement of its own.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic, TypeVar

from django.db.models import Field, Model, QuerySet

from common.api.pagination import Position
from common.keyset import beyond
from common.prepared import Parameter, Prepared

MAX_STATEMENTS = 500  # a client chooses the size of its pages
OF_PAGES = frozenset({"cursor", "page_size"})

M = TypeVar("M", bound=Model)


class Listing(Generic[M]):
    """`select` returns the rows that a query asks for, unordered; `parameters` are the query's values by name."""

    def __init__(self, select: "Callable[[Mapping[str, Any]], QuerySet[M]]", **parameters: "Field[Any, Any]") -> None:
        self._select = select
        self._parameters = parameters
        self._statements: dict[Hashable, Prepared[Any]] = {}

    def of(self, query: Mapping[str, Any]) -> "Listed[M]":
        values = {name: value for name, value in query.items() if name in self._parameters}
        fixed = {name: value for name, value in query.items() if name not in values and name not in OF_PAGES}
        return Listed(self, Shape(tuple(sorted(fixed.items())), tuple(sorted(values))), values)

    def statement(self, shape: "Shape") -> Prepared[Any]:
        if shape not in self._statements:
            while len(self._statements) >= MAX_STATEMENTS:
                self._statements.pop(next(iter(self._statements)), None)
            self._statements[shape] = Prepared(partial(self._rows, shape))
        return self._statements[shape]

    def _rows(self, shape: "Shape") -> QuerySet[M, Any]:
        values = {name: Parameter(name, self._parameters[name]) for name in shape.given}
        rows: QuerySet[M, Any] = self._select({**dict(shape.fixed), **values})
        fields = rows.model._meta
        last = None
        if shape.goes_on:
            column: Any = fields.get_field(shape.column)
            last = (Parameter("last_value", column), Parameter("last_id", fields.pk))
        rows = rows.values(*shape.columns) if shape.columns else rows
        return beyond(rows, shape.column, shape.descending, last)[: shape.limit]


@dataclass(frozen=True, slots=True)
class Shape:
    """All that decides how a statement looks. `given` names its values, `fixed` is the rest of the query."""

    fixed: tuple[tuple[str, Hashable], ...]
    given: tuple[str, ...]
    columns: tuple[str, ...] = ()  # instances are read if it is empty
    column: str = ""
    descending: bool = False
    goes_on: bool = False
    limit: int = 0


@dataclass(frozen=True, slots=True)
class Listed(Generic[M]):
    """The rows of one query, as `paginate` takes them."""

    listing: Listing[M]
    shape: Shape
    given: Mapping[str, Any]

    def values(self, *columns: str) -> "Listed[M]":
        return replace(self, shape=replace(self.shape, columns=columns))

    def read(self, column: str, descending: bool, position: Position | None, limit: int) -> list[M]:
        shape = replace(self.shape, column=column, descending=descending, goes_on=position is not None, limit=limit)
        last = {"last_value": position.value, "last_id": position.id} if position else {}
        rows: list[M] = self.listing.statement(shape).all(**self.given, **last)
        return rows
