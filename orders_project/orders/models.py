"""Orders. The order row is its own outbox: what it still wants of products commits together with it."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from common.identifiers import new_id


class Status(models.TextChoices):
    PENDING = "pending"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    PAID = "paid"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


FINISHED = (Status.DELIVERED, Status.REJECTED, Status.CANCELLED)


class Wants(models.TextChoices):
    """What an order wants of its reservation at products."""

    NOTHING = "", "nothing"
    HELD = "held"
    RELEASED = "released"


class Order(models.Model):
    """Prices, `total` and `currency` are products' to say: null until it has. `refusal` is what a rejected one is told.

    The outbox: `wants` is due at `due_at`, was tried `attempts` times, the last `hopeless` of them answered with what
    trying again won't mend, and is somebody's until `claimed_until`. A parked one waits for `manage.py retry_parked`.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user_id = models.UUIDField()
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    currency = models.CharField(max_length=3, null=True)
    total = models.DecimalField(max_digits=19, decimal_places=2, null=True)
    note = models.CharField(max_length=1000, blank=True)
    shipping_address = models.CharField(max_length=500, blank=True)
    reason = models.CharField(max_length=40, null=True)
    refusal = models.JSONField(null=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)
    hidden_at = models.DateTimeField(null=True)

    wants = models.CharField(max_length=8, choices=Wants, default=Wants.NOTHING, blank=True)
    due_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveIntegerField(default=0)
    hopeless = models.PositiveIntegerField(default=0)
    claimed_until = models.DateTimeField(null=True)
    parked_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(status__in=("pending", "rejected", "cancelled"))
                | Q(total__isnull=False, currency__isnull=False),
                name="orders_confirmed_have_a_total",
            ),
            models.CheckConstraint(
                condition=Q(status="pending", wants="held") | (~Q(status="pending") & ~Q(wants="held")),
                name="orders_pending_iff_wants_held",
            ),
            models.CheckConstraint(
                condition=Q(status="cancelled") | ~Q(wants="released"), name="orders_released_only_cancelled"
            ),
        )
        indexes = (
            models.Index(fields=("user_id", "created_at", "id"), name="orders_of_user", condition=Q(hidden_at=None)),
            models.Index(fields=("created_at", "id"), name="orders_by_age", condition=Q(hidden_at=None)),
            models.Index(fields=("status", "created_at", "id"), name="orders_by_status", condition=Q(hidden_at=None)),
            models.Index(fields=("due_at",), name="orders_due", condition=~Q(wants="") & Q(parked_at=None)),
            models.Index(fields=("parked_at",), name="orders_parked", condition=Q(parked_at__isnull=False)),
        )

    def __str__(self) -> str:
        return f"{self.id} ({self.status})"


class OrderLine(models.Model):
    """One product of an order; what it is called and costs is a snapshot that products took when it held the stock."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    position = models.PositiveSmallIntegerField()
    product_id = models.UUIDField()
    quantity = models.PositiveIntegerField()
    sku = models.CharField(max_length=40, null=True)
    name = models.CharField(max_length=200, null=True)
    unit_price = models.DecimalField(max_digits=12, decimal_places=2, null=True)

    class Meta:
        ordering = ("position",)
        constraints = (
            models.UniqueConstraint(fields=("order", "product_id"), name="order_lines_distinct"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="order_lines_want_something"),
        )


class OrderEvent(models.Model):
    """One step of an order's history; `by` is the user, or null where products decided."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="events")
    status = models.CharField(max_length=10, choices=Status)
    at = models.DateTimeField(default=timezone.now)
    by = models.UUIDField(null=True)

    class Meta:
        ordering = ("id",)
        constraints = (models.UniqueConstraint(fields=("order", "status"), name="order_events_once_a_status"),)


class IdempotencyKey(models.Model):
    """Which order a user's key made, and the fingerprint of what was asked for."""

    user_id = models.UUIDField()
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("user_id", "key"), name="idempotency_keys_unique_per_user"),)
        indexes = (models.Index(fields=("created_at",), name="idempotency_keys_by_age"),)
