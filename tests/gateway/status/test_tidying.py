"""What nobody needs any more is deleted, and nothing else."""

from datetime import timedelta

import pytest
from django.utils import timezone

from common import batches
from common.chores import chores
from gateway_project.auth.models import Session
from gateway_project.status.models import CircuitTransition
from gateway_project.status.tidying import tidy
from tests.gateway.clients import BeginSession

pytestmark = pytest.mark.django_db


def aged(session: Session, days: int, *, expires_in_days: int) -> Session:
    now = timezone.now()
    session.created_at, session.expires_at = now - timedelta(days=days), now + timedelta(days=expires_in_days)
    session.save()
    return session


def transition(days_ago: int) -> CircuitTransition:
    at = timezone.now() - timedelta(days=days_ago)
    return CircuitTransition.objects.create(upstream="users", old="closed", new="open", failed=5, total=5, at=at)


def test_only_sessions_that_prove_nothing_any_more_go(begin_session: BeginSession) -> None:
    aged(begin_session()[0], 91, expires_in_days=-1)
    kept = [
        aged(begin_session()[0], 91, expires_in_days=1),
        aged(begin_session()[0], 89, expires_in_days=-1),
        aged(begin_session()[0], 1, expires_in_days=29),
    ]
    assert tidy() == 1
    assert set(Session.objects.all()) == set(kept)


def test_circuits_are_remembered_for_90_days() -> None:
    transition(91)
    kept = transition(89)
    assert tidy() == 1
    assert list(CircuitTransition.objects.all()) == [kept]


def test_many_rows_go_by_short_transactions(begin_session: BeginSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "SIZE", 2)
    for _ in range(5):
        aged(begin_session()[0], 91, expires_in_days=-1)
    assert tidy() == 5
    assert not Session.objects.exists()


def test_each_process_does_it_hourly() -> None:
    assert [chore.interval_s for chore in chores._chores if chore.work is tidy] == [3600]
