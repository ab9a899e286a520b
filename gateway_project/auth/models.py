"""Sign-ins."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from common.identifiers import new_id


class Session(models.Model):
    """One sign-in on one device. Its id is the tokens' `sid`; of refresh tokens only digests are kept.

    `token_digest` is of the refresh token that is valid now, `previous_digest` of the one it replaced at `rotated_at`.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user_id = models.UUIDField(db_index=True)
    username = models.CharField(max_length=150)
    is_staff = models.BooleanField()
    password_version = models.PositiveIntegerField()
    device = models.CharField(max_length=200, blank=True)
    address = models.CharField(max_length=45, blank=True)
    token_digest = models.CharField(max_length=64)
    previous_digest = models.CharField(max_length=64, blank=True)
    rotated_at = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    revoked_because = models.CharField(max_length=20, blank=True)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(expires_at__gt=F("created_at")), name="sessions_end_after_they_begin"),
        )
        indexes = (
            models.Index(fields=("revoked_at",), name="sessions_revoked", condition=Q(revoked_at__isnull=False)),
        )

    def __str__(self) -> str:
        return f"{self.username} since {self.created_at:%Y-%m-%d}"
