"""The catalogue, the stock ledger, and the stock that is reserved for orders.

At rest, for every product: stock = Σ movements.delta − Σ quantities of the reservations that are held.
"""

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from common.catalogue import DEFAULT_CURRENCY, MAX_SKU, validate_currency, validate_sku
from common.identifiers import new_id
from common.keys import KeyField
from common.search.tables import WordsField
from common.search.words import LONGEST_SORT_KEY, sort_key
from common.unicode import folded

MAX_STOCK = 1_000_000_000


class Category(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=100)
    description = models.TextField(max_length=2000, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        indexes = (models.Index(fields=("created_at", "id"), name="categories_by_age"),)

    def __str__(self) -> str:
        return self.slug


class Product(models.Model):
    """`stock` is what can still be sold. A hidden product keeps its row: its SKU stays taken, stock can be released."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    sku = models.CharField(max_length=MAX_SKU, unique=True, validators=[validate_sku])
    sku_key = KeyField(
        of="sku", make=folded, max_length=18 * MAX_SKU, null=True, editable=False
    )  # 18: of one character
    name = models.CharField(max_length=200)
    name_key = KeyField(of="name", make=sort_key, max_length=LONGEST_SORT_KEY, db_default="", editable=False)
    description = models.TextField(max_length=10_000, blank=True)
    price = models.DecimalField(max_digits=12, decimal_places=2, validators=[MinValueValidator(0)])
    currency = models.CharField(max_length=3, default=DEFAULT_CURRENCY, validators=[validate_currency])
    stock = models.PositiveIntegerField(default=0)
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="products")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)
    hidden_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(stock__gte=0, stock__lte=MAX_STOCK), name="products_stock_in_range"),
            models.CheckConstraint(condition=Q(price__gte=0), name="products_price_not_negative"),
            # Two products of an earlier release may differ in case only. The younger one has no key.
            models.UniqueConstraint(
                fields=("sku_key",), name="products_sku_unique_whatever_case", condition=Q(sku_key__isnull=False)
            ),
        )
        # One keyset index for each ordering: of all products, by category, of those in stock, of those out of stock.
        indexes = tuple(
            models.Index(fields=(*leading, column, "id"), name=f"products_{column}{suffix}", condition=condition)
            for column in ("created_at", "price", "name_key")
            for leading, suffix, condition in (
                ((), "", Q(hidden_at=None)),
                (("category",), "_cat", Q(hidden_at=None)),
                ((), "_avail", Q(hidden_at=None, stock__gt=0)),
                ((), "_out", Q(hidden_at=None, stock=0)),
            )
        )

    def __str__(self) -> str:
        return self.sku


class ProductEntry(models.Model):
    """The words of a product, for searches. `common.search` says how it comes about."""

    number = models.BigAutoField(primary_key=True)
    owner = models.OneToOneField(Product, on_delete=models.CASCADE, related_name="+")
    words = WordsField()
    is_stale = models.BooleanField()

    class Meta:
        indexes = (models.Index(fields=("number",), name="product_entries_stale", condition=Q(is_stale=True)),)


class StockMovement(models.Model):
    """One row of the ledger: a change of stock by staff. Sales are reservations, not movements."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="movements", db_index=False)
    delta = models.IntegerField()
    reason = models.CharField(max_length=200, blank=True)
    by = models.UUIDField(null=True)
    idempotency_key = models.CharField(max_length=255, null=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=~Q(delta=0), name="movements_move_something"),
            models.UniqueConstraint(fields=("by", "idempotency_key"), name="movements_key_unique_per_user"),
        )
        indexes = (models.Index(fields=("product", "created_at", "id"), name="movements_by_age"),)


class Reservation(models.Model):
    """The one verdict of products on one order. It is final. A refusal and a tombstone are verdicts too.

    `refusal` says why the order was refused: `{"reason", "detail", "items"}`. `ownerless_at` is when the operator found
    that orders doesn't know the order, and had its stock released.
    """

    class State(models.TextChoices):
        HELD = "held"
        REFUSED = "refused"
        RELEASED = "released"

    loaded_lines: list["ReservationLine"]  # prefetched, or just written

    order_id = models.UUIDField(primary_key=True)
    state = models.CharField(max_length=10, choices=State)
    currency = models.CharField(max_length=3, blank=True)
    refusal = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    released_at = models.DateTimeField(null=True, blank=True)
    ownerless_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(state="refused", refusal__isnull=False) | (~Q(state="refused") & Q(refusal=None)),
                name="reservations_refusal_iff_refused",
            ),
            models.CheckConstraint(
                condition=Q(state="released", released_at__isnull=False) | (~Q(state="released") & Q(released_at=None)),
                name="reservations_released_at_iff_released",
            ),
        )


class ReservationLine(models.Model):
    """How much of a product was taken, with a snapshot of the product at that moment."""

    reservation = models.ForeignKey(Reservation, on_delete=models.CASCADE, related_name="lines", db_index=False)
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField()
    sku = models.CharField(max_length=MAX_SKU)
    name = models.CharField(max_length=200)
    unit_price = models.DecimalField(max_digits=12, decimal_places=2)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("reservation", "product"), name="reservation_lines_distinct"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="reservation_lines_hold_something"),
        )
