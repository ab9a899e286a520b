"""What a change to an account does to its sign-ins, once the service agreed."""

from typing import Any

import pytest
from django.test import Client
from structlog.testing import capture_logs

from common.upstream import Unreachable
from gateway_project.auth.errors import RefreshTokenRejected
from gateway_project.auth.models import Session
from gateway_project.auth.sessions import renew
from gateway_project.auth.tokens import TokenPair
from tests.gateway.clients import BeginSession, send, signed_in
from tests.gateway.fakes import Reply, Services, answer, problem
from tests.support.examples import ACCOUNT, OTHER_ID, USER, USER_ID

ME = "/api/users/me/"
PASSWORD = {"current_password": "old-harbour-8", "new_password": "violet-harbour-9"}
ACCOUNT_PATH = f"/accounts/{USER_ID}/"
SignIn = tuple[Session, TokenPair]


@pytest.fixture(autouse=True)
def _known(services: Services) -> None:
    services.users.otherwise = answer(200, USER)
    services.users.on("POST", "/users/me/password/", answer(204))
    services.users.on("GET", ACCOUNT_PATH, answer(200, ACCOUNT | {"password_version": 2}))
    for path in ("/users/me/", f"/users/{USER_ID}/", f"/users/{OTHER_ID}/"):
        services.users.on("DELETE", path, answer(204))


def ends(*sign_ins: SignIn) -> list[str | None]:
    """Why each session ended, None for those that are open, checked by a request as well."""
    found: list[str | None] = []
    for session, pair in sign_ins:
        session.refresh_from_db()
        is_over = session.revoked_at is not None
        assert (signed_in(pair).get(ME).status_code == 401) is is_over
        found.append(session.revoked_because if is_over else None)
    return found


def test_a_new_password_ends_the_users_other_sign_ins(begin_session: BeginSession) -> None:
    own, phone, others = begin_session(), begin_session(), begin_session(OTHER_ID, "bob")
    assert send(signed_in(own[1]), "POST", f"{ME}password/", PASSWORD).status_code == 204
    assert ends(own, phone, others) == [None, "password changed", None]


def test_a_new_password_keeps_the_own_sign_in_through_its_next_refresh(begin_session: BeginSession) -> None:
    own, phone = begin_session(), begin_session()
    send(signed_in(own[1]), "POST", f"{ME}password/", PASSWORD)
    assert renew(own[1].refresh)
    with pytest.raises(RefreshTokenRejected):
        renew(phone[1].refresh)
    assert Session.objects.get(pk=own[0].pk).password_version == 2


@pytest.mark.parametrize("reply", [Unreachable("users", "down"), problem(404, "not-found")])
def test_a_new_password_stands_also_when_its_version_cannot_be_learnt(
    reply: Reply, begin_session: BeginSession, services: Services
) -> None:
    own, phone = begin_session(), begin_session()
    services.users.on("GET", ACCOUNT_PATH, reply)
    with capture_logs() as logs:
        assert send(signed_in(own[1]), "POST", f"{ME}password/", PASSWORD).status_code == 204
    assert ends(own, phone) == [None, "password changed"]
    warned = [entry["event"] for entry in logs if entry["log_level"] == "warning"]
    expected = ["this sign-in will end at its next renewal"] if isinstance(reply, Exception) else []
    assert warned == expected
    assert Session.objects.get(pk=own[0].pk).password_version == 1


def test_a_refused_password_ends_nothing(begin_session: BeginSession, services: Services) -> None:
    own, phone = begin_session(), begin_session()
    services.users.on("POST", "/users/me/password/", problem(400, "invalid"))
    assert send(signed_in(own[1]), "POST", f"{ME}password/", PASSWORD).status_code == 400
    assert ends(own, phone) == [None, None]


def test_who_deletes_the_own_account_is_signed_out_everywhere(begin_session: BeginSession) -> None:
    own, phone, others = begin_session(), begin_session(), begin_session(OTHER_ID, "bob")
    assert send(signed_in(own[1]), "DELETE", ME).status_code == 204
    assert ends(own, phone, others) == ["account deleted", "account deleted", None]


def test_whom_staff_delete_is_signed_out_everywhere(begin_session: BeginSession, staff: Client) -> None:
    own, others = begin_session(), begin_session(OTHER_ID, "bob")
    assert send(staff, "DELETE", f"/api/users/{USER_ID}/").status_code == 204
    assert ends(own, others) == ["account deleted", None]
    assert staff.get(ME).status_code == 200


def test_a_refused_deletion_ends_nothing(begin_session: BeginSession, staff: Client, services: Services) -> None:
    own = begin_session()
    services.users.on("DELETE", f"/users/{USER_ID}/", problem(409))
    assert send(staff, "DELETE", f"/api/users/{USER_ID}/").status_code == 409
    assert ends(own) == [None]


@pytest.mark.parametrize("change", [{"is_staff": True}, {"is_active": False}, {"is_staff": False, "first_name": "A"}])
def test_a_role_that_staff_write_ends_the_accounts_sign_ins(
    change: dict[str, Any], begin_session: BeginSession, staff: Client
) -> None:
    own, others = begin_session(), begin_session(OTHER_ID, "bob")
    assert send(staff, "PATCH", f"/api/users/{USER_ID}/", change).status_code == 200
    assert ends(own, others) == ["role changed", None]
    assert staff.get(ME).status_code == 200


def test_a_whole_account_that_staff_write_with_its_role_ends_its_sign_ins(
    begin_session: BeginSession, staff: Client
) -> None:
    own = begin_session()
    body = {"username": "ada", "email": "ada@example.com", "is_staff": True}
    assert send(staff, "PUT", f"/api/users/{USER_ID}/", body).status_code == 200
    assert ends(own) == ["role changed"]


def test_a_new_name_ends_nothing(begin_session: BeginSession, staff: Client) -> None:
    own = begin_session()
    assert send(staff, "PATCH", f"/api/users/{USER_ID}/", {"first_name": "Augusta"}).status_code == 200
    assert send(signed_in(own[1]), "PATCH", ME, {"first_name": "Ada"}).status_code == 200
    assert ends(own) == [None]


@pytest.mark.parametrize("path", [ME, f"/api/users/{USER_ID}/"])
def test_who_repeats_the_own_role_stays_signed_in(path: str, begin_session: BeginSession) -> None:
    """A form sends them along; the service refuses a real change."""
    own = begin_session()
    body = {"username": "ada", "email": "ada@example.com", "is_staff": False, "is_active": True}
    assert send(signed_in(own[1]), "PUT", path, body).status_code == 200
    assert ends(own) == [None]
