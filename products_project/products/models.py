"""The catalogue, the stock ledger, and what orders hold of the stock.

At rest, for every product: stock = Σ movements.delta − Σ quantities of reservations that are held.
"""

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from common.identifiers import new_id

MAX_STOCK = 1_000_000_000
SKU_FORMAT = RegexValidator(r"^[A-Za-z0-9][A-Za-z0-9._-]*\Z")


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
    """`stock` is what can still be sold. A hidden product keeps its row: its SKU stays taken, holds are released."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    sku = models.CharField(max_length=40, unique=True, validators=[SKU_FORMAT])
    name = models.CharField(max_length=200)
    description = models.TextField(max_length=10_000, blank=True)
    price = models.DecimalField(max_digits=12, decimal_places=2, validators=[MinValueValidator(0)])
    currency = models.CharField(max_length=3, default="EUR", validators=[RegexValidator(r"^[A-Z]{3}\Z")])
    stock = models.PositiveIntegerField(default=0)
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="products")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)
    hidden_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(stock__gte=0, stock__lte=MAX_STOCK), name="products_stock_in_range"),
            models.CheckConstraint(condition=Q(price__gte=0), name="products_price_not_negative"),
        )
        # One keyset index for each ordering, alone, within a category, of what is in stock and of what is not.
        indexes = tuple(
            models.Index(fields=(*leading, column, "id"), name=f"products_{column}{suffix}", condition=condition)
            for column in ("created_at", "price", "name")
            for leading, suffix, condition in (
                ((), "", Q(hidden_at=None)),
                (("category",), "_cat", Q(hidden_at=None)),
                ((), "_avail", Q(hidden_at=None, stock__gt=0)),
                ((), "_out", Q(hidden_at=None, stock=0)),
            )
        )

    def __str__(self) -> str:
        return self.sku


class StockMovement(models.Model):
    """One row of the ledger: a change of stock by staff. Sales are reservations, not movements."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="movements")
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
    """Products' one verdict on one order, for ever. A refusal and a tombstone are verdicts too.

    `refusal` holds what a refused order is told: `{"reason", "detail", "items"}`.
    """

    class State(models.TextChoices):
        HELD = "held"
        REFUSED = "refused"
        RELEASED = "released"

    order_id = models.UUIDField(primary_key=True)
    state = models.CharField(max_length=10, choices=State)
    currency = models.CharField(max_length=3, blank=True)
    refusal = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    released_at = models.DateTimeField(null=True, blank=True)

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
    """What was taken, with a snapshot of how the product looked then."""

    reservation = models.ForeignKey(Reservation, on_delete=models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField()
    sku = models.CharField(max_length=40)
    name = models.CharField(max_length=200)
    unit_price = models.DecimalField(max_digits=12, decimal_places=2)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("reservation", "product"), name="reservation_lines_distinct"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="reservation_lines_hold_something"),
        )
