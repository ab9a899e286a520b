"""Which products a query finds."""

import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.db.models import DecimalField, Func, OuterRef, QuerySet, SlugField, Subquery

from common.expiring import ExpiringMap
from common.listing import Listed, Listing
from common.prepared import Parameter, Prepared
from common.search.find import FEW, Found, searched
from common.search.index import SearchIndex

from .models import Category, Product, ProductEntry

ORDERINGS = tuple(sign + column for column in ("created_at", "price", "name") for sign in ("", "-"))
NEWEST_FIRST = "-created_at"
PRICE: Any = DecimalField(max_digits=12, decimal_places=2)
CHEAPEST, DEAREST = Decimal(0), Decimal("9999999999.99")  # no price is beyond them
SIZE_HOLDS_S = 60  # a shop that grows walks through all its products for so long
INDEX = SearchIndex(ProductEntry, ("sku", "name", "description"), gone="hidden_at")


def visible_products() -> QuerySet[Product]:
    return Product.objects.filter(hidden_at=None).select_related("category")


def _listed() -> QuerySet[Product]:
    """For the columns of a list. The category's slug is looked up for each row that is read: a join SQLite may begin
    with the categories, if its statistics say so, and then sort all products that they have."""
    slug = Category.objects.filter(pk=OuterRef("category")).values("slug")[:1]
    return Product.objects.filter(hidden_at=None).annotate(category__slug=Subquery(slug))


def search_products(query: Mapping[str, Any]) -> QuerySet[Product] | Found[Product] | Listed[Product]:
    """Visible products by `search` (each word in name, description or SKU), `category` (slug), `min_price`,
    `max_price` (inclusive) and `in_stock`; unordered."""
    if _PRICES & query.keys() and not query["ordering"].endswith("price"):
        query = {**query, "is_few": _are_few(query)}
    if "search" not in query:
        return LISTING.of(query)
    by_age = query["ordering"].endswith("created_at") and not _FILTERS & query.keys()
    return searched(_filtered(query), INDEX, query["search"], by_age=by_age)


_PRICES = {"min_price", "max_price"}
_FILTERS = _PRICES | {"category", "in_stock"}


def _filtered(query: Mapping[str, Any]) -> QuerySet[Product]:
    products = _listed()
    if "category" in query:
        # Not by a join: PostgreSQL would not know that one category's index is in the list's order.
        category = Category.objects.filter(slug=query["category"]).values("pk")[:1]
        products = products.filter(category=category)
    if "in_stock" in query:
        products = products.filter(stock__gt=0) if query["in_stock"] else products.filter(stock=0)
    prices = {bound: query[name] for name, bound in (("min_price", "gte"), ("max_price", "lte")) if name in query}
    if "is_few" not in query:
        return products.filter(**_bounds("price", prices))
    if query["is_few"]:
        # All filters are inside, and it is sorted and cut: else a database might walk all products in the list's order.
        few = products.filter(**_bounds("price", prices)).order_by("price", "pk")[:FEW]
        return _listed().filter(pk__in=few.values("pk"))
    return products.alias(seen_price=Unindexed("price")).filter(**_bounds("seen_price", prices))


def _are_few(query: Mapping[str, Any]) -> bool:
    """Whether so little is in a price range that it is best sorted. Of many, a walk soon meets some, and in a small
    shop it is short."""
    if _is_small():
        return False
    return not _beyond_few.all(min=query.get("min_price", CHEAPEST), max=query.get("max_price", DEAREST))


def _is_small() -> bool:
    now = time.monotonic()
    is_small = _sizes.get("is small", now)
    if is_small is None:
        is_small = not _beyond_few.all(min=CHEAPEST, max=DEAREST)
        _sizes.put("is small", is_small, now + SIZE_HOLDS_S)
    return is_small


_sizes: ExpiringMap[str, bool] = ExpiringMap(1)


def priced_after(number: int) -> Prepared[Any]:
    """The product in a price range that comes after so many others, if there is one."""
    low, high = Parameter("min", PRICE), Parameter("max", PRICE)
    priced = Product.objects.filter(hidden_at=None, price__gte=low, price__lte=high).order_by("price", "pk")
    return Prepared(lambda: priced.values("pk")[number : number + 1])


_beyond_few = priced_after(FEW)


def _bounds(column: str, prices: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{column}__{bound}": price for bound, price in prices.items()}


class Unindexed(Func):
    """A number that no index is used for. SQLite would sort all that a price range has."""

    template = "+%(expressions)s"
    arity = 1


LISTING = Listing(_filtered, category=SlugField(), min_price=PRICE, max_price=PRICE)
