"""Access tokens of ended sessions are refused: at once here, elsewhere after the next reading; blindness is no yes."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import InterfaceError
from django.test import Client
from django.utils import timezone
from structlog.testing import capture_logs

from gateway_project import settings as shipped
from gateway_project.auth import revocation
from gateway_project.auth.errors import RevocationsUnknown
from gateway_project.auth.models import Session
from gateway_project.auth.revocation import RevocationList, revocations
from gateway_project.auth.sessions import revoke
from tests.gateway.clients import BeginSession, send, signed_in, slug
from tests.gateway.fakes import Services
from tests.support.clock import Clock
from tests.support.examples import OTHER_ID


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def a_list(clock: Clock, settings: Any) -> RevocationList:
    """One that reads only when told to."""
    settings.REVOCATION_POLL_S = 0.5
    watched = RevocationList(clock)
    watched._poller = threading.Thread()  # as if it ran
    return watched


@pytest.fixture
def broken_database(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Call with True, and readings fail; with False, and they don't."""

    class Failing:
        class objects:
            @staticmethod
            def filter(**lookups: Any) -> None:
                raise InterfaceError("connection already closed")

    def switch(is_broken: bool) -> None:
        monkeypatch.setattr(revocation, "Session", Failing if is_broken else Session)

    return switch


def revoked_elsewhere(session: Session, seconds_ago: float = 0) -> None:
    moment = timezone.now() - timedelta(seconds=seconds_ago)
    Session.objects.filter(pk=session.pk).update(revoked_at=moment, revoked_because="elsewhere")


def test_what_another_process_revoked_is_seen_after_the_next_reading(
    begin_session: BeginSession, a_list: RevocationList
) -> None:
    session, other = begin_session()[0], begin_session()[0]
    a_list.read()
    revoked_elsewhere(session)
    assert not a_list.is_revoked(session.pk)
    a_list.read()
    assert a_list.is_revoked(session.pk)
    assert not a_list.is_revoked(other.pk)


def test_what_this_process_revoked_is_refused_before_any_reading(
    begin_session: BeginSession, a_list: RevocationList
) -> None:
    session, other = begin_session()[0], begin_session()[0]
    a_list.read()
    a_list.add([session.pk])
    assert a_list.is_revoked(session.pk)
    assert not a_list.is_revoked(other.pk)


def test_what_was_added_during_a_reading_outlives_it(
    begin_session: BeginSession, a_list: RevocationList, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = begin_session()[0]

    class Slow:
        class objects:
            @staticmethod
            def filter(**lookups: Any) -> Any:
                rows = Session.objects.none()  # read before the revocation was committed
                clock.advance(0.1)
                a_list.add([session.pk])
                clock.advance(0.1)
                return rows

    monkeypatch.setattr(revocation, "Session", Slow)
    a_list.read()
    assert a_list.is_revoked(session.pk)
    monkeypatch.setattr(revocation, "Session", Session)
    clock.advance(0.1)
    a_list.read()  # by now it would be among the rows, were it revoked
    assert not a_list.is_revoked(session.pk)


@pytest.mark.parametrize(("seconds_ago", "is_listed"), [(0, True), (300, True), (329, True), (331, False)])
def test_only_revocations_within_an_access_tokens_life_are_kept(
    seconds_ago: int, is_listed: bool, begin_session: BeginSession, a_list: RevocationList
) -> None:
    session = begin_session()[0]
    revoked_elsewhere(session, seconds_ago)
    a_list.read()
    assert a_list.is_revoked(session.pk) is is_listed


def test_a_list_that_cannot_be_read_for_five_seconds_fails_closed(
    db: None, a_list: RevocationList, clock: Clock, broken_database: Callable[[bool], None]
) -> None:
    a_list.read()
    broken_database(True)
    for _ in range(10):
        clock.advance(0.5)
        with capture_logs() as logs:
            a_list.read()
        assert [entry["event"] for entry in logs] == ["the list of revoked sessions can't be read"]
        assert not a_list.is_revoked(UUID(OTHER_ID))
    clock.advance(0.001)
    with pytest.raises(RevocationsUnknown):
        a_list.is_revoked(UUID(OTHER_ID))
    broken_database(False)
    a_list.read()
    assert not a_list.is_revoked(UUID(OTHER_ID))


def test_what_a_slow_reading_knows_is_as_old_as_its_question(
    db: None, a_list: RevocationList, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow:
        class objects:
            @staticmethod
            def filter(**lookups: Any) -> Any:
                clock.advance(3)
                return Session.objects.none()

    monkeypatch.setattr(revocation, "Session", Slow)
    a_list.read()
    clock.advance(2)
    assert not a_list.is_revoked(UUID(OTHER_ID))
    clock.advance(0.001)
    with pytest.raises(RevocationsUnknown):
        a_list.is_revoked(UUID(OTHER_ID))


def test_a_failed_reading_keeps_what_is_known(
    begin_session: BeginSession, a_list: RevocationList, broken_database: Callable[[bool], None]
) -> None:
    known, added = begin_session()[0], begin_session()[0]
    revoked_elsewhere(known)
    a_list.read()
    a_list.add([added.pk])
    broken_database(True)
    a_list.read()
    assert a_list.is_revoked(known.pk)
    assert a_list.is_revoked(added.pk)


def test_a_list_that_was_never_read_fails_closed(a_list: RevocationList) -> None:
    with pytest.raises(RevocationsUnknown):
        a_list.is_revoked(UUID(OTHER_ID))


@pytest.fixture
def blind(monkeypatch: pytest.MonkeyPatch, broken_database: Callable[[bool], None]) -> Iterator[None]:
    """The gateway as it is after five seconds without its database."""
    monkeypatch.setattr(revocations, "_read_at", float("-inf"))
    broken_database(True)
    yield
    broken_database(False)
    revocations.read()


def test_while_sign_ins_cannot_be_checked_nobody_is_let_in(
    begin_session: BeginSession, services: Services, blind: None
) -> None:
    response = send(signed_in(begin_session()[1]), "GET", "/api/users/me/")
    assert (response.status_code, slug(response), response["Retry-After"]) == (503, "revocations-unknown", "1")
    assert services.calls == []


def test_while_sign_ins_cannot_be_checked_the_open_paths_answer(anonymous: Client, db: None, blind: None) -> None:
    assert anonymous.get("/api/").status_code == 200
    assert anonymous.get("/health/live").status_code == 200


def test_revoking_says_how_many_and_spares_those_that_were_over(begin_session: BeginSession) -> None:
    first, second = begin_session()[0], begin_session()[0]
    revoked_elsewhere(first)
    assert revoke(Session.objects.all(), "signed out") == 1
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.revoked_because, second.revoked_because) == ("elsewhere", "signed out")
    assert revoke(Session.objects.all(), "again") == 0


def test_revoking_refuses_the_tokens_of_this_process_before_the_next_reading(
    begin_session: BeginSession, services: Services, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, pair = begin_session()
    revocations.read()
    settings.REVOCATION_POLL_S = 0.5
    monkeypatch.setattr(revocations, "_poller", threading.Thread())  # as if it ran, and read nothing meanwhile
    revoke(Session.objects.filter(pk=session.pk), "signed out")
    assert send(signed_in(pair), "GET", "/api/users/me/").status_code == 401
    assert services.calls == []


class Stop(Exception):
    """Ends the endless loop of a poller."""


def test_the_first_look_reads_and_starts_one_poller(
    begin_session: BeginSession, settings: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REVOCATION_POLL_S = 0.5
    started: list[dict[str, Any]] = []

    class Recorded:
        def __init__(self, **options: Any) -> None:
            self.options = options

        def start(self) -> None:
            started.append(self.options)

    monkeypatch.setattr(revocation.threading, "Thread", Recorded)
    session = begin_session()[0]
    revoked_elsewhere(session)
    watched = RevocationList(clock)
    assert watched.is_revoked(session.pk)
    assert not watched.is_revoked(UUID(OTHER_ID))
    [options] = started
    assert (options["name"], options["daemon"]) == ("revocations", True)


def test_the_poller_reads_every_half_second(
    begin_session: BeginSession, a_list: RevocationList, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REVOCATION_POLL_S = shipped.REVOCATION_POLL_S
    session = begin_session()[0]
    a_list.read()
    revoked_elsewhere(session)
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise Stop

    monkeypatch.setattr(revocation.time, "sleep", pause)
    with pytest.raises(Stop):
        a_list._poll()
    assert pauses == [0.5, 0.5, 0.5]
    assert a_list.is_revoked(session.pk)
