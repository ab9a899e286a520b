"""Which products a query finds."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Func, QuerySet

from common.search.find import FEW, Found, searched
from common.search.index import SearchIndex

from .models import Category, Product, ProductEntry

ORDERINGS = tuple(sign + column for column in ("created_at", "price", "name") for sign in ("", "-"))
NEWEST_FIRST = "-created_at"
INDEX = SearchIndex(ProductEntry, ("sku", "name", "description"), gone="hidden_at")


def visible_products() -> QuerySet[Product]:
    return Product.objects.filter(hidden_at=None).select_related("category")


def search_products(query: Mapping[str, Any]) -> QuerySet[Product] | Found[Product]:
    """Visible products by `search` (each word in name, description or SKU), `category` (slug), `min_price`,
    `max_price` (inclusive) and `in_stock`; unordered."""
    by_age = query["ordering"].endswith("created_at") and not _FILTERS & query.keys()
    return searched(_filtered(query), INDEX, query.get("search"), by_age=by_age)


_FILTERS = {"category", "min_price", "max_price", "in_stock"}


def _filtered(query: Mapping[str, Any]) -> QuerySet[Product]:
    products = visible_products()
    if "category" in query:
        # Not by a join: PostgreSQL would not know that one category's index is in the list's order.
        category = Category.objects.filter(slug=query["category"]).values("pk")[:1]
        products = products.filter(category=category)
    if "in_stock" in query:
        products = products.filter(stock__gt=0) if query["in_stock"] else products.filter(stock=0)
    prices = {bound: query[name] for name, bound in (("min_price", "gte"), ("max_price", "lte")) if name in query}
    if not prices or query["ordering"].endswith("price"):
        return products.filter(**_bounds("price", prices))
    return _priced(products, prices)


def _priced(products: QuerySet[Product], prices: Mapping[str, Any]) -> QuerySet[Product]:
    """For a list in another order: few are sorted, and of many a walk in that order soon meets some."""
    priced = Product.objects.filter(hidden_at=None, **_bounds("price", prices)).order_by("price", "pk")
    ids = list(priced.values_list("pk", flat=True)[: FEW + 1])
    if len(ids) <= FEW:
        return products.filter(pk__in=ids, **_bounds("price", prices))
    return products.alias(seen_price=Unindexed("price")).filter(**_bounds("seen_price", prices))


def _bounds(column: str, prices: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{column}__{bound}": price for bound, price in prices.items()}


class Unindexed(Func):
    """A number that no index is used for. SQLite would sort all that a price range has."""

    template = "+%(expressions)s"
    arity = 1
