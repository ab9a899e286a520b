"""Deletes what nobody needs any more: sign-ins that ended long ago, and the old history of circuits."""

from datetime import timedelta

from django.utils import timezone

from common.batches import delete_in_batches
from gateway_project.auth.sessions import forgettable_sessions

from .models import CircuitTransition

TRANSITIONS_KEPT_FOR = timedelta(days=90)


def tidy() -> int:
    """Returns how many rows were deleted."""
    old_transitions = CircuitTransition.objects.filter(at__lt=timezone.now() - TRANSITIONS_KEPT_FOR)
    return delete_in_batches(forgettable_sessions()) + delete_in_batches(old_transitions)
