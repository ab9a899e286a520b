"""What staff can do with the catalogue and its stock. Each function owns its transaction."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, ProtectedError, Sum
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError

from common.errors import Conflict, PreconditionFailed
from common.idempotency import KeyReused

from .models import MAX_STOCK, Category, Product, StockMovement
from .search import visible_products


class SkuTaken(Conflict):
    slug = "sku-taken"
    title = _("SKU taken")
    default_detail = _("Another product has this SKU, or had it.")


class SlugTaken(Conflict):
    slug = "slug-taken"
    title = _("Slug taken")
    default_detail = _("Another category has this slug.")


class CategoryInUse(Conflict):
    slug = "category-in-use"
    title = _("Category in use")
    default_detail = _("The category still has products, hidden ones included.")


class InsufficientStock(Conflict):
    slug = "insufficient-stock"
    title = _("Insufficient stock")
    default_detail = _("There is not that much in stock.")


Precondition = Callable[[Product], bool]


def create_product(*, stock: int = 0, by: UUID | None, **fields: Any) -> Product:
    """A new product; its first stock is the first row of its ledger.

    Raises:
        SkuTaken
    """
    try:
        with transaction.atomic():
            product = Product.objects.create(stock=stock, **fields)
            if stock:
                StockMovement.objects.create(product=product, delta=stock, reason="initial stock", by=by)
            return product
    except IntegrityError as error:
        raise SkuTaken from error


def update_product(*, product_id: UUID, changes: dict[str, Any], precondition: Precondition) -> Product:
    """The product with `changes`, never to its stock. `precondition` sees the locked row.

    Raises:
        Product.DoesNotExist, PreconditionFailed, SkuTaken
    """
    try:
        with transaction.atomic():
            product = _lock_product(product_id, precondition)
            for name, value in changes.items():
                setattr(product, name, value)
            product.updated_at = timezone.now()
            product.save(update_fields=[*changes, "updated_at"])
            return product
    except IntegrityError as error:
        raise SkuTaken from error


def hide_product(*, product_id: UUID, precondition: Precondition) -> None:
    """Take the product out of the catalogue for good; what orders hold of it can still be released.

    Raises:
        Product.DoesNotExist, PreconditionFailed
    """
    with transaction.atomic():
        product = _lock_product(product_id, precondition)
        product.hidden_at = product.updated_at = timezone.now()
        product.save(update_fields=["hidden_at", "updated_at"])


@dataclass(frozen=True, slots=True)
class Movement:
    """What a ledger row is to say."""

    product_id: UUID
    delta: int
    reason: str
    by: UUID | None


def move_stock(movement: Movement, *, key: str | None, precondition: Precondition) -> tuple[StockMovement, bool]:
    """The ledger row that changed the stock by `delta` (not 0), and whether it is a replay of `key`.

    Raises:
        Product.DoesNotExist, PreconditionFailed, KeyReused
        InsufficientStock: the stock would fall below 0.
        ValidationError: with what orders hold it would rise above `MAX_STOCK`.
    """
    if earlier := _replayed(movement, key):
        return earlier, True
    try:
        with transaction.atomic():
            # The row comes first: its key makes a second request with it wait, and then fail.
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
    # The ledger, with this row in it, and not the stock: what orders hold must fit back in.
    if delta > 0 and product.movements.aggregate(total=Sum("delta"))["total"] > MAX_STOCK:
        raise ValidationError({"delta": [_("The stock would pass its limit.")]})
    if not Product.objects.filter(pk=product.pk, stock__gte=-delta).update(
        stock=F("stock") + delta, updated_at=timezone.now()
    ):
        raise InsufficientStock(items=[_shortage(product, delta)])


def _shortage(product: Product, delta: int) -> dict[str, Any]:
    return {"product_id": str(product.pk), "requested": -delta, "available": product.stock}


def create_category(*, name: str, slug: str = "", **fields: Any) -> Category:
    """A new category; without a `slug` it is made of the name.

    Raises:
        SlugTaken
        ValidationError: the name has nothing to make a slug of.
    """
    slug = slug or slugify(name)[:60]
    if not slug:
        raise ValidationError({"slug": [_("Give a slug: none can be made of this name.")]})
    try:
        with transaction.atomic():
            return Category.objects.create(name=name, slug=slug, **fields)
    except IntegrityError as error:
        raise SlugTaken from error


def update_category(*, slug: str, changes: dict[str, Any]) -> Category:
    """Raises `Category.DoesNotExist` or `SlugTaken`."""
    try:
        with transaction.atomic():
            category = Category.objects.select_for_update().get(slug=slug)
            for name, value in changes.items():
                setattr(category, name, value)
            category.save()
            return category
    except IntegrityError as error:
        raise SlugTaken from error


def delete_category(*, slug: str) -> None:
    """Raises `Category.DoesNotExist` or `CategoryInUse`."""
    try:
        with transaction.atomic():
            Category.objects.get(slug=slug).delete()
    except (ProtectedError, IntegrityError) as error:
        raise CategoryInUse from error


def _lock_product(product_id: UUID, precondition: Precondition) -> Product:
    product = visible_products().select_for_update(of=("self",)).get(pk=product_id)
    if not precondition(product):
        raise PreconditionFailed
    return product
