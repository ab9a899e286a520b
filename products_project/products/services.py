"""What staff can do with the catalogue and the stock. Each function owns its transaction."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, ProtectedError, Sum
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError

from common.api.errors import Conflict, PreconditionFailed
from common.api.idempotency import KeyReused
from common.catalogue import DEFAULT_CURRENCY, check_price
from common.keys import keys_of

from .models import MAX_STOCK, Category, Product, StockMovement
from .search import INDEX, visible_products


class SkuTaken(Conflict):
    slug = "sku-taken"
    title = _("SKU taken")
    default_detail = _("Another product has this SKU, or had it. Choose another one.")


class SlugTaken(Conflict):
    slug = "slug-taken"
    title = _("Slug taken")
    default_detail = _("Another category has this slug. Choose another one.")


class CategoryInUse(Conflict):
    slug = "category-in-use"
    title = _("Category in use")
    default_detail = _("The category still has products, hidden ones included. Move them to another category first.")


class InsufficientStock(Conflict):
    slug = "insufficient-stock"
    title = _("Insufficient stock")
    default_detail = _("There is not that much in stock. Take less.")


Precondition = Callable[[Any], bool]  # of a product or a category, in the version that is locked


def create_product(*, stock: int = 0, by: UUID | None, **fields: Any) -> Product:
    """A new product. Its first stock is the first row of its ledger.

    Raises:
        SkuTaken: in any combination of upper and lower case.
        ValidationError: the price has more decimals than its currency.
    """
    check_price(fields["price"], fields.get("currency", DEFAULT_CURRENCY))
    try:
        with transaction.atomic():
            product = Product.objects.create(stock=stock, **fields)
            INDEX.write(product)
            if stock:
                StockMovement.objects.create(product=product, delta=stock, reason="initial stock", by=by)
            return product
    except IntegrityError as error:
        raise SkuTaken from error


def update_product(*, product_id: UUID, changes: dict[str, Any], precondition: Precondition) -> Product:
    """Change a product, but never its stock. `precondition` is checked on the locked row.

    Raises:
        Http404, PreconditionFailed, SkuTaken
        ValidationError: the price has more decimals than its currency.
    """
    try:
        with transaction.atomic():
            product = _lock_product(product_id, precondition)
            changed = [name for name, value in changes.items() if getattr(product, name) != value]
            for name in changed:
                setattr(product, name, changes[name])
            if {"price", "currency"} & set(changed):
                check_price(product.price, product.currency)
            product.updated_at = timezone.now()
            product.save(update_fields=[*changed, *keys_of(Product, changed), "updated_at"])
            if INDEX.is_about(changed):
                INDEX.write(product)
            return product
    except IntegrityError as error:
        raise SkuTaken from error


def hide_product(*, product_id: UUID, precondition: Precondition) -> None:
    """Hide the product for good. Stock that is reserved for orders can still be released.

    Raises:
        Http404, PreconditionFailed
    """
    with transaction.atomic():
        product = _lock_product(product_id, precondition)
        product.hidden_at = product.updated_at = timezone.now()
        product.save(update_fields=["hidden_at", "updated_at"])


@dataclass(frozen=True, slots=True)
class Movement:
    """The content of a new ledger row."""

    product_id: UUID
    delta: int
    reason: str
    by: UUID | None


def move_stock(movement: Movement, *, key: str | None, precondition: Precondition) -> tuple[StockMovement, bool]:
    """Change the stock by `delta` (not 0). Returns the ledger row, and whether `key` had made it before.

    Raises:
        Http404, PreconditionFailed, KeyReused
        InsufficientStock: the stock would fall below 0.
        ValidationError: together with reserved stock it would rise above `MAX_STOCK`.
    """
    if earlier := _replayed(movement, key):
        return earlier, True
    try:
        with transaction.atomic():
            # First the row: a second request with the same key waits for it, and then fails.
            row = StockMovement.objects.create(**asdict(movement), idempotency_key=key)
            _change_stock(movement, precondition)
            return row, False
    except IntegrityError:  # another request with this key was first
        if earlier := _replayed(movement, key):
            return earlier, True
        raise


def _replayed(movement: Movement, key: str | None) -> StockMovement | None:
    earlier = StockMovement.objects.filter(by=movement.by, idempotency_key=key).first() if key else None
    if earlier and any(getattr(earlier, name) != value for name, value in asdict(movement).items()):
        raise KeyReused
    return earlier


def _change_stock(movement: Movement, precondition: Precondition) -> None:
    product = _lock_product(movement.product_id, precondition)
    delta = movement.delta
    # Checks the ledger including this row, and not the stock: reserved stock may come back.
    if delta > 0 and product.movements.aggregate(total=Sum("delta"))["total"] > MAX_STOCK:
        raise ValidationError({"delta": [_("The stock would pass its limit.")]})
    if not Product.objects.filter(pk=product.pk, stock__gte=-delta).update(
        stock=F("stock") + delta, updated_at=timezone.now()
    ):
        raise InsufficientStock(items=[_shortage(product, delta)])


def _shortage(product: Product, delta: int) -> dict[str, Any]:
    return {"product_id": str(product.pk), "requested": -delta, "available": product.stock}


def create_category(*, name: str, slug: str = "", **fields: Any) -> Category:
    """A new category. Without a `slug`, one is made from the name.

    Raises:
        SlugTaken
        ValidationError: no slug can be made from the name.
    """
    slug = slug or slugify(name)[:60]
    if not slug:
        raise ValidationError({"slug": [_("Give a slug: none can be made of this name.")]})
    try:
        with transaction.atomic():
            return Category.objects.create(name=name, slug=slug, **fields)
    except IntegrityError as error:
        raise SlugTaken from error


def update_category(*, slug: str, changes: dict[str, Any], precondition: Precondition) -> Category:
    """Raises `Http404`, `PreconditionFailed` or `SlugTaken`."""
    try:
        with transaction.atomic():
            category = _lock_category(slug, precondition)
            for name, value in changes.items():
                setattr(category, name, value)
            category.save()
            return category
    except IntegrityError as error:
        raise SlugTaken from error


def delete_category(*, slug: str, precondition: Precondition) -> None:
    """Raises `Http404`, `PreconditionFailed` or `CategoryInUse`."""
    try:
        with transaction.atomic():
            _lock_category(slug, precondition).delete()
    except (ProtectedError, IntegrityError) as error:
        raise CategoryInUse from error


def _lock_category(slug: str, precondition: Precondition) -> Category:
    category = get_object_or_404(Category.objects.select_for_update(), slug=slug)
    if not precondition(category):
        raise PreconditionFailed
    return category


def _lock_product(product_id: UUID, precondition: Precondition) -> Product:
    product = get_object_or_404(visible_products().select_for_update(of=("self",)), pk=product_id)
    if not precondition(product):
        raise PreconditionFailed
    return product
