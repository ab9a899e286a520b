"""Sign-ins."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from common.identifiers import new_id


class Session(models.Model):
    """One sign-in on one device. Its id is the `sid` of its tokens. Only digests of refresh tokens are stored.

    `token_digest` belongs to the valid token, which replaced another at `rotated_at`. `spent` has the tokens that were
    replaced a moment ago: pairs of digest and Unix time.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user_id = models.UUIDField()
    username = models.CharField(max_length=150)
    username_key = models.CharField(
        max_length=450, blank=True, default="", db_default=""
    )  # see `common.unicode.folded`
    is_staff = models.BooleanField()
    password_version = models.PositiveIntegerField()
    device = models.CharField(max_length=200, blank=True)
    address = models.CharField(max_length=45, blank=True)
    network = models.CharField(
        max_length=45, blank=True, default="", db_default=""
    )  # which counts as one client; see `store.addresses`
    token_digest = models.CharField(max_length=64)
    spent = models.JSONField(null=True)
    rotated_at = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    revoked_because = models.CharField(max_length=20, blank=True)

    # The release before this one writes it. When none of its processes is left, a migration may drop it.
    previous_digest = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(expires_at__gt=F("created_at")), name="sessions_end_after_they_begin"),
        )
        indexes = (
            models.Index(fields=("user_id", "created_at", "id"), name="sessions_of_user"),
            models.Index(fields=("revoked_at",), name="sessions_revoked", condition=Q(revoked_at__isnull=False)),
            models.Index(fields=("username_key", "network", "created_at"), name="sessions_known_networks"),
            models.Index(fields=("created_at",), name="sessions_by_age"),
        )

    def __str__(self) -> str:
        return f"{self.username} since {self.created_at:%Y-%m-%d}"
