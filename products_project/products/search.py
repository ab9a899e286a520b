"""Finding products."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Q, QuerySet

from .models import Product

ORDERINGS = tuple(sign + column for column in ("created_at", "price", "name") for sign in ("", "-"))
NEWEST_FIRST = "-created_at"


def visible_products() -> QuerySet[Product]:
    return Product.objects.filter(hidden_at=None).select_related("category")


def search_products(query: Mapping[str, Any]) -> QuerySet[Product]:
    """Visible products by `search` (each word in name, description or SKU), `category` (slug), `min_price`,
    `max_price` (inclusive) and `in_stock`; unordered."""
    products = visible_products()
    for word in query.get("search", "").split():
        products = products.filter(Q(name__icontains=word) | Q(description__icontains=word) | Q(sku__icontains=word))
    if "category" in query:
        products = products.filter(category__slug=query["category"])
    if "min_price" in query:
        products = products.filter(price__gte=query["min_price"])
    if "max_price" in query:
        products = products.filter(price__lte=query["max_price"])
    if "in_stock" in query:
        products = products.filter(stock__gt=0) if query["in_stock"] else products.filter(stock=0)
    return products
