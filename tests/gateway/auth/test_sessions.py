"""Refresh tokens: each works once, and the account is looked at before it is spent."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone
from structlog.testing import capture_logs

from common.upstream import Answer, Call, Unreachable
from gateway_project.auth.errors import RefreshTokenRejected, TokenSpent
from gateway_project.auth.models import Session
from gateway_project.auth.sessions import renew, revoke_user, sessions_of
from gateway_project.auth.tokens import TokenPair, read_access
from tests.gateway.clients import BeginSession, send, signed_in, slug
from tests.gateway.fakes import Reply, Services, answer, problem
from tests.support.examples import ACCOUNT, OTHER_ID, USER, USER_ID
from tests.support.threads import in_threads

REFRESH = "/api/auth/token/refresh/"
ACCOUNT_PATH = f"/accounts/{USER_ID}/"


@pytest.fixture(autouse=True)
def _known(services: Services) -> None:
    services.users.on("GET", ACCOUNT_PATH, answer(200, ACCOUNT))
    services.users.on("GET", "/users/me/", answer(200, USER))


def rotated_ago(session: Session, seconds: float) -> None:
    """As if its newest token had been made so long ago, and the others as long before as they were."""
    session.refresh_from_db()
    by_s = seconds - (timezone.now() - session.rotated_at).total_seconds()
    session.rotated_at -= timedelta(seconds=by_s)
    session.spent = [(digest, at - by_s) for digest, at in session.spent or ()]
    session.save(update_fields=["rotated_at", "spent"])


def ended_because(session: Session) -> str | None:
    """Why, or None while it is open."""
    session.refresh_from_db()
    return session.revoked_because if session.revoked_at else None


def works(pair: TokenPair) -> bool:
    status = signed_in(pair).get("/api/users/me/").status_code
    assert status in {200, 401}
    return status == 200


def test_a_refresh_token_brings_the_next_pair(
    begin_session: BeginSession, anonymous: Client, services: Services
) -> None:
    session, pair = begin_session()
    rotated_ago(session, 3600)
    response = send(anonymous, "POST", REFRESH, {"refresh": pair.refresh})
    assert response.status_code == 200
    body = response.json()
    assert set(body) == {"access", "refresh"}
    assert read_access(body["access"]).session_id == session.pk
    assert works(TokenPair(**body))
    assert works(pair)  # the access token before it lives on until it expires
    before, digest = session.last_used_at, session.token_digest
    session.refresh_from_db()
    assert [spent for spent, _ in session.spent] == [digest]
    assert session.last_used_at > before
    assert timezone.now() - session.rotated_at < timedelta(seconds=10)
    assert Session.objects.count() == 1


def test_a_chain_of_refreshes_goes_on(begin_session: BeginSession) -> None:
    session, pair = begin_session()
    for _ in range(5):
        pair = renew(pair.refresh)
    assert ended_because(session) is None
    assert works(pair)


def test_a_token_used_again_within_ten_seconds_is_only_refused(begin_session: BeginSession, anonymous: Client) -> None:
    session, pair = begin_session()
    successor = renew(pair.refresh)
    rotated_ago(session, 9)
    response = send(anonymous, "POST", REFRESH, {"refresh": pair.refresh})
    assert (response.status_code, slug(response)) == (401, "token-spent")
    assert response["WWW-Authenticate"] == 'Bearer realm="plaza"'
    with pytest.raises(TokenSpent):
        renew(pair.refresh)
    assert ended_because(session) is None
    assert works(successor)
    assert works(renew(successor.refresh))


def test_a_token_used_again_later_revokes_the_session(begin_session: BeginSession, anonymous: Client) -> None:
    session, pair = begin_session()
    successor = renew(pair.refresh)
    rotated_ago(session, 11)
    with capture_logs() as logs:
        response = send(anonymous, "POST", REFRESH, {"refresh": pair.refresh})
    assert (response.status_code, slug(response)) == (401, "session-ended")
    assert ended_because(session) == "token reused"
    assert not works(successor)
    with pytest.raises(RefreshTokenRejected):
        renew(successor.refresh)
    warning = next(entry for entry in logs if entry["event"] == "refresh token reused")
    assert (warning["user_id"], warning["session_id"]) == (USER_ID, str(session.pk))


def test_each_of_several_rotations_has_ten_seconds_of_its_own(begin_session: BeginSession) -> None:
    session, first = begin_session()
    second = renew(first.refresh)
    rotated_ago(session, 6)
    third = renew(second.refresh)
    for spent in (first, second):
        with pytest.raises(TokenSpent):
            renew(spent.refresh)
    rotated_ago(session, 6)
    with pytest.raises(TokenSpent):
        renew(second.refresh)
    assert ended_because(session) is None
    assert works(third)
    with pytest.raises(RefreshTokenRejected) as ended:
        renew(first.refresh)
    assert not isinstance(ended.value, TokenSpent)
    assert ended_because(session) == "token reused"


def test_only_tokens_that_were_just_spent_are_remembered(begin_session: BeginSession) -> None:
    session, pair = begin_session()
    for _ in range(4):
        pair = renew(pair.refresh)
        rotated_ago(session, 4)
    session.refresh_from_db()
    assert len(session.spent) == 3


def test_a_reuse_ends_no_other_session(begin_session: BeginSession) -> None:
    session, pair = begin_session()
    other, _ = begin_session()
    renew(pair.refresh)
    rotated_ago(session, 11)
    with pytest.raises(RefreshTokenRejected):
        renew(pair.refresh)
    assert (ended_because(session), ended_because(other)) == ("token reused", None)


@pytest.mark.django_db(transaction=True)
def test_of_two_requests_with_one_token_exactly_one_succeeds(begin_session: BeginSession, services: Services) -> None:
    session, pair = begin_session()
    both_asked = threading.Barrier(2, timeout=10)

    def account(call: Call) -> Answer:
        both_asked.wait()  # each has read the token as valid before either spends it
        return answer(200, ACCOUNT)

    services.users.on("GET", ACCOUNT_PATH, account)
    outcomes = in_threads(2, lambda: renew(pair.refresh))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["TokenPair", "TokenSpent"]
    assert ended_because(session) is None
    [successor] = [outcome for outcome in outcomes if isinstance(outcome, TokenPair)]
    services.users.on("GET", ACCOUNT_PATH, answer(200, ACCOUNT))
    assert renew(successor.refresh)


@pytest.mark.parametrize(
    ("reply", "status", "expected"),
    [
        (Unreachable("users", "down"), 503, "upstream-unreachable"),
        (answer(500), 502, "upstream-error"),
        (answer(200, {"id": USER_ID}), 502, "contract-violation"),
        (problem(401), 502, "contract-violation"),
    ],
)
def test_a_failing_users_service_costs_nobody_a_session(
    reply: Reply, status: int, expected: str, begin_session: BeginSession, anonymous: Client, services: Services
) -> None:
    session, pair = begin_session()
    services.users.on("GET", ACCOUNT_PATH, reply)
    response = send(anonymous, "POST", REFRESH, {"refresh": pair.refresh})
    assert (response.status_code, slug(response)) == (status, expected)
    before = session.token_digest
    assert ended_because(session) is None
    assert session.token_digest == before
    services.users.on("GET", ACCOUNT_PATH, answer(200, ACCOUNT))
    assert send(anonymous, "POST", REFRESH, {"refresh": pair.refresh}).status_code == 200


def test_while_users_cannot_be_reached_a_client_is_told_when_to_refresh_again(
    begin_session: BeginSession, anonymous: Client, services: Services
) -> None:
    services.users.on("GET", ACCOUNT_PATH, Unreachable("users", "down"))
    response = send(anonymous, "POST", REFRESH, {"refresh": begin_session()[1].refresh})
    assert (response.status_code, response["Retry-After"]) == (503, "1")
    assert response["Proxy-Status"] == "plaza; error=connection_refused"
    assert response.json()["detail"] == "A service cannot be reached. Try again soon."


def test_an_open_circuit_to_the_users_service_is_503_and_the_session_stays(
    begin_session: BeginSession, anonymous: Client, services: Services
) -> None:
    session, pair = begin_session()
    services.users.on("GET", ACCOUNT_PATH, answer(500))
    services.users.is_ready = False
    for _ in range(5):
        assert send(anonymous, "POST", REFRESH, {"refresh": pair.refresh}).status_code == 502
    response = send(anonymous, "POST", REFRESH, {"refresh": pair.refresh})
    assert (response.status_code, slug(response), response["Retry-After"]) == (503, "circuit-open", "5")
    assert ended_because(session) is None


def changed(**changes: Any) -> Answer:
    return answer(200, ACCOUNT | changes)


@pytest.mark.parametrize(
    "reply",
    [changed(is_active=False), changed(is_staff=True), changed(password_version=2), problem(404, "not-found")],
    ids=["deactivated", "another role", "another password", "deleted"],
)
def test_a_session_of_an_account_that_changed_ends_at_its_next_refresh(
    reply: Answer, begin_session: BeginSession, anonymous: Client, services: Services
) -> None:
    session, pair = begin_session()
    services.users.on("GET", ACCOUNT_PATH, reply)
    response = send(anonymous, "POST", REFRESH, {"refresh": pair.refresh})
    assert (response.status_code, slug(response)) == (401, "session-ended")
    assert ended_because(session) == "account changed"
    assert not works(pair)
    services.users.on("GET", ACCOUNT_PATH, answer(200, ACCOUNT))
    assert send(anonymous, "POST", REFRESH, {"refresh": pair.refresh}).status_code == 401


def test_a_new_name_is_in_the_next_token(begin_session: BeginSession, services: Services) -> None:
    session, pair = begin_session()
    services.users.on("GET", ACCOUNT_PATH, changed(username="countess"))
    assert read_access(renew(pair.refresh).access).username == "countess"
    assert ended_because(session) is None
    assert session.username == "countess"


def _revoked(session: Session) -> None:
    Session.objects.filter(pk=session.pk).update(revoked_at=timezone.now())


def _expired(session: Session) -> None:
    now = timezone.now()
    Session.objects.filter(pk=session.pk).update(created_at=now - timedelta(days=31), expires_at=now)


def _deleted(session: Session) -> None:
    session.delete()


@pytest.mark.parametrize("end", [_revoked, _expired, _deleted])
def test_a_session_that_is_over_is_not_renewed(
    end: Callable[[Session], None], begin_session: BeginSession, anonymous: Client, services: Services
) -> None:
    session, pair = begin_session()
    end(session)
    response = send(anonymous, "POST", REFRESH, {"refresh": pair.refresh})
    assert (response.status_code, slug(response)) == (401, "session-ended")
    assert services.users.calls == []


@pytest.mark.parametrize("token", ["", "abc", "a.b.c"])
def test_what_is_no_refresh_token_is_refused(token: str, anonymous: Client, services: Services, db: None) -> None:
    response = send(anonymous, "POST", REFRESH, {"refresh": token})
    assert response.status_code == (401 if token else 400)
    assert services.users.calls == []


def test_an_access_token_does_not_refresh(begin_session: BeginSession, anonymous: Client) -> None:
    session, pair = begin_session()
    assert send(anonymous, "POST", REFRESH, {"refresh": pair.access}).status_code == 401
    assert ended_because(session) is None


def test_only_a_users_own_open_sessions_are_listed(begin_session: BeginSession) -> None:
    first, second, stale, over, others = (
        begin_session()[0],
        begin_session()[0],
        begin_session()[0],
        begin_session()[0],
        begin_session(OTHER_ID, "bob")[0],
    )
    rotated_ago(stale, 7 * 24 * 3600 + 1)  # its refresh token has expired
    _revoked(over)
    assert set(sessions_of(UUID(USER_ID))) == {first, second}
    assert list(sessions_of(UUID(OTHER_ID))) == [others]


def test_revoking_a_user_spares_the_named_session(begin_session: BeginSession) -> None:
    kept, ended, others = begin_session()[0], begin_session()[0], begin_session(OTHER_ID, "bob")[0]
    revoke_user(UUID(USER_ID), "password changed", except_for=kept.pk)
    assert [ended_because(session) for session in (kept, ended, others)] == [None, "password changed", None]
    revoke_user(UUID(USER_ID), "account deleted")
    assert [ended_because(session) for session in (kept, ended)] == ["account deleted", "password changed"]
