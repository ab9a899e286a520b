"""On PostgreSQL: the poller goes on after the server has cut its connection."""

import threading
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from gateway_project.auth import revocation
from gateway_project.auth.models import Session
from gateway_project.auth.revocation import RevocationList
from tests.gateway.clients import BeginSession

PATIENCE_S = 10.0


class Ended(Exception):
    """Ends the poller's endless loop."""


@pytest.fixture
def watched(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[RevocationList]:
    """A list whose poller reads often, and ends with the test."""
    settings.REVOCATION_POLL_S = 0.5
    ended = threading.Event()
    watched = RevocationList()

    def pause(seconds: float) -> None:
        if ended.wait(0.05):
            raise Ended

    def poll() -> None:
        try:
            watched._poll()
        except Ended:
            connection.close()

    monkeypatch.setattr(revocation.time, "sleep", pause)
    watched.read()
    watched._poller = threading.Thread(target=poll)
    watched._poller.start()
    yield watched
    ended.set()
    watched._poller.join(PATIENCE_S)


@pytest.mark.django_db(transaction=True)
def test_the_poller_goes_on_after_its_connection_was_cut(begin_session: BeginSession, watched: RevocationList) -> None:
    for _ in range(3):
        session, _ = begin_session()
        assert not watched.is_revoked(session.pk)
        assert cut_other_connections() >= 1
        Session.objects.filter(pk=session.pk).update(revoked_at=timezone.now())
        assert is_seen(watched, session.pk)


def cut_other_connections() -> int:
    """How many there were; the poller opens its own when it reads."""
    give_up_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up_s:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            if count := cursor.fetchone()[0]:
                return int(count)
    return 0


def is_seen(watched: RevocationList, session_id: UUID) -> bool:
    give_up_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up_s:
        if watched.is_revoked(session_id):
            return True
    return False
