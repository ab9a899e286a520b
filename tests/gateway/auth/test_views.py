"""Signing in, looking at one's sign-ins and signing out, for programs."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone

from common.upstream import TimedOut
from gateway_project.auth.models import Session
from gateway_project.auth.tokens import TokenPair, read_access
from tests.gateway.clients import BeginSession, faults, send, signed_in, slug
from tests.gateway.fakes import Reply, Services, answer, problem
from tests.support.examples import ACCOUNT, OTHER_ID, USER, USER_ID

TOKEN, VERIFY, LOGOUT, SESSIONS = (f"/api/auth/{name}/" for name in ("token", "token/verify", "logout", "sessions"))
CREDENTIALS = {"username": "ada", "password": " violet harbour 9 "}


def is_open(session: Session) -> bool:
    session.refresh_from_db()
    return session.revoked_at is None


@pytest.mark.django_db
def test_right_credentials_begin_a_session(anonymous: Client, services: Services) -> None:
    account = ACCOUNT | {"is_staff": True, "password_version": 4}
    services.users.on("POST", "/credentials/", answer(200, {"user": account}))
    services.users.on("GET", "/users/me/", answer(200, USER))
    response = send(anonymous, "POST", TOKEN, CREDENTIALS, User_Agent="curl/8 " + "x" * 300)
    assert response.status_code == 200
    assert services.users.last_body == CREDENTIALS
    assert "sub" not in services.users.claims()
    pair = TokenPair(**response.json())
    session = Session.objects.get()
    assert read_access(pair.access).session_id == session.pk
    assert (str(session.user_id), session.username, session.is_staff, session.password_version) == (
        USER_ID,
        "ada",
        True,
        4,
    )
    assert (session.address, session.device, len(session.device)) == ("127.0.0.1", ("curl/8 " + "x" * 300)[:200], 200)
    assert session.expires_at - session.created_at == pytest.approx(timedelta(days=30), abs=timedelta(seconds=5))
    assert signed_in(pair).get("/api/users/me/").status_code == 200
    assert response["Cache-Control"] == "no-store"
    assert dict(response.cookies) == {}


@pytest.mark.django_db
def test_wrong_credentials_begin_nothing(anonymous: Client, services: Services) -> None:
    services.users.otherwise = answer(200, {"user": None})
    response = send(anonymous, "POST", TOKEN, CREDENTIALS)
    assert (response.status_code, slug(response)) == (401, "invalid-credentials")
    assert response["WWW-Authenticate"] == 'Bearer realm="plaza"'
    assert response.json()["detail"] == "No active account has this username and password."
    assert Session.objects.count() == 0


@pytest.mark.parametrize(
    ("reply", "status", "expected"),
    [
        (TimedOut("users", "no answer"), 504, "upstream-timeout"),
        (problem(401), 502, "contract-violation"),
        (answer(200, {"user": {"id": USER_ID}}), 502, "contract-violation"),
        (answer(200, {}), 502, "contract-violation"),
        (answer(500), 502, "upstream-error"),
    ],
)
@pytest.mark.django_db
def test_a_failing_users_service_begins_nothing(
    reply: Reply, status: int, expected: str, anonymous: Client, services: Services
) -> None:
    services.users.otherwise = reply
    response = send(anonymous, "POST", TOKEN, CREDENTIALS)
    assert (response.status_code, slug(response)) == (status, expected)
    assert Session.objects.count() == 0


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {"/username": "required", "/password": "required"}),
        ({"username": "", "password": ""}, {"/username": "blank", "/password": "blank"}),
        ({"username": "a" * 151, "password": "a" * 129}, {"/username": "max_length", "/password": "max_length"}),
        ({"username": ["ada"], "password": {"a": 1}}, {"/username": "invalid", "/password": "invalid"}),
        (CREDENTIALS | {"remember": True}, {"/remember": "unknown"}),
    ],
)
def test_incomplete_credentials_are_not_asked_about(
    body: Any, expected: dict[str, str], anonymous: Client, services: Services
) -> None:
    assert faults(send(anonymous, "POST", TOKEN, body)) == expected
    assert services.calls == []


@pytest.mark.parametrize("path", ["token/refresh/", "token/verify/", "logout/"])
def test_a_body_without_its_token_is_refused(path: str, anonymous: Client) -> None:
    member = "token" if path == "token/verify/" else "refresh"
    assert faults(send(anonymous, "POST", f"/api/auth/{path}", {})) == {f"/{member}": "required"}
    too_long = send(anonymous, "POST", f"/api/auth/{path}", {member: "a" * 4097, "x": 1})
    assert faults(too_long) == {f"/{member}": "max_length", "/x": "unknown"}


def test_verify_says_whether_an_access_token_is_good(begin_session: BeginSession, anonymous: Client) -> None:
    _, pair = begin_session()
    good = send(anonymous, "POST", VERIFY, {"token": pair.access})
    assert (good.status_code, good.json()) == (200, {})
    for token in (pair.refresh, "abc"):
        bad = send(anonymous, "POST", VERIFY, {"token": token})
        assert (bad.status_code, slug(bad), bad["WWW-Authenticate"]) == (401, "invalid-token", 'Bearer realm="plaza"')
    send(anonymous, "POST", LOGOUT, {"refresh": pair.refresh})
    over = send(anonymous, "POST", VERIFY, {"token": pair.access})
    assert (over.status_code, slug(over)) == (401, "session-ended")


def test_logout_ends_the_session_of_the_token(begin_session: BeginSession, anonymous: Client) -> None:
    session, pair = begin_session()
    other, _ = begin_session()
    response = send(anonymous, "POST", LOGOUT, {"refresh": pair.refresh})
    assert (response.status_code, response.content) == (204, b"")
    assert (is_open(session), is_open(other)) == (False, True)
    assert session.revoked_because == "signed out"
    refused = send(signed_in(pair), "GET", SESSIONS)
    assert (refused.status_code, slug(refused)) == (401, "session-ended")
    assert send(anonymous, "POST", "/api/auth/token/refresh/", {"refresh": pair.refresh}).status_code == 401


def test_logging_out_twice_is_no_error_and_changes_nothing(begin_session: BeginSession, anonymous: Client) -> None:
    session, pair = begin_session()
    send(anonymous, "POST", LOGOUT, {"refresh": pair.refresh})
    session.refresh_from_db()
    ended_at = session.revoked_at
    assert send(anonymous, "POST", LOGOUT, {"refresh": pair.refresh}).status_code == 204
    session.refresh_from_db()
    assert session.revoked_at == ended_at


def test_a_token_that_is_not_ours_logs_nobody_out(begin_session: BeginSession, anonymous: Client) -> None:
    session, pair = begin_session()
    for token in (pair.access, "abc", pair.refresh[:-3]):
        response = send(anonymous, "POST", LOGOUT, {"refresh": token})
        assert (response.status_code, slug(response)) == (401, "invalid-token")
    assert is_open(session)


def test_a_user_sees_own_sign_ins_newest_first(begin_session: BeginSession) -> None:
    first, _ = begin_session()
    second, pair = begin_session()
    begin_session(OTHER_ID, "bob")
    Session.objects.filter(pk=first.pk).update(created_at=timezone.now() - timedelta(hours=1))
    response = send(signed_in(pair), "GET", SESSIONS)
    assert response.status_code == 200
    rows = response.json()["results"]
    assert [(row["id"], row["current"]) for row in rows] == [(str(second.pk), True), (str(first.pk), False)]
    assert set(rows[0]) == {"id", "device", "address", "created_at", "last_used_at", "expires_at", "current"}
    assert (rows[0]["device"], rows[0]["address"]) == ("Firefox", "192.0.2.7")
    for name in ("created_at", "last_used_at", "expires_at"):
        assert rows[0][name].endswith("Z")
        assert datetime.fromisoformat(rows[0][name]) == getattr(second, name)


def test_own_sign_ins_come_in_pages(begin_session: BeginSession) -> None:
    sessions = [begin_session() for _ in range(5)]
    client = signed_in(sessions[-1][1])
    page = send(client, "GET", f"{SESSIONS}?page_size=3").json()
    following = send(client, "GET", page["next"]).json()
    found = [row["id"] for row in page["results"] + following["results"]]
    assert found == [str(session.pk) for session, _ in reversed(sessions)]
    assert (page["previous"], following["next"]) == (None, None)
    assert send(client, "GET", following["previous"]).json()["results"] == page["results"]
    assert faults(send(client, "GET", f"{SESSIONS}?page_size=0&colour=red")).keys() == {"?page_size", "?colour"}


def test_signing_out_everywhere_ends_ones_own_sessions_only(begin_session: BeginSession) -> None:
    first, pair = begin_session()
    second, _ = begin_session()
    others, _ = begin_session(OTHER_ID, "bob")
    client = signed_in(pair)
    assert send(client, "DELETE", SESSIONS).status_code == 204
    assert [is_open(session) for session in (first, second, others)] == [False, False, True]
    assert second.revoked_because == "signed out of all"
    assert send(client, "GET", SESSIONS).status_code == 401


def test_one_sign_in_can_be_ended(begin_session: BeginSession) -> None:
    own, pair = begin_session()
    phone, phones = begin_session()
    client = signed_in(pair)
    assert send(client, "DELETE", f"{SESSIONS}{phone.pk}/").status_code == 204
    assert (is_open(phone), is_open(own)) == (False, True)
    assert send(signed_in(phones), "GET", SESSIONS).status_code == 401
    assert send(client, "DELETE", f"{SESSIONS}{phone.pk}/").status_code == 404


@pytest.mark.parametrize("is_staff", [False, True])
def test_anothers_sign_in_does_not_exist(is_staff: bool, begin_session: BeginSession) -> None:
    others, _ = begin_session(OTHER_ID, "bob")
    client = signed_in(begin_session(is_staff=is_staff)[1])
    response = send(client, "DELETE", f"{SESSIONS}{others.pk}/")
    assert (response.status_code, slug(response)) == (404, "not-found")
    assert is_open(others)
    assert send(client, "DELETE", f"{SESSIONS}{UUID(OTHER_ID)}/").status_code == 404
