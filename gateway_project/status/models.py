"""Circuit history."""

from django.db import models
from django.utils import timezone

from common.identifiers import new_id


class CircuitTransition(models.Model):
    """A circuit of one gateway process changed its state. `failed` of the `total` calls in its window had failed."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    upstream = models.CharField(max_length=40)
    old = models.CharField(max_length=10)
    new = models.CharField(max_length=10)
    failed = models.PositiveIntegerField()
    total = models.PositiveIntegerField()
    process = models.CharField(max_length=100)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = (models.Index(fields=("at", "id"), name="transitions_by_age"),)

    def __str__(self) -> str:
        return f"{self.upstream}: {self.old} → {self.new}"
