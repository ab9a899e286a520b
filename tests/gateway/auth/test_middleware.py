"""A browser in use never notices that access tokens live five minutes."""

from datetime import timedelta

import jwt
import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from common.upstream import Unreachable
from gateway_project.auth.authentication import ACCESS_COOKIE, REFRESH_COOKIE
from gateway_project.auth.models import Session
from gateway_project.auth.sessions import renew
from gateway_project.auth.tokens import TokenPair, read_access
from tests.gateway.clients import BeginSession, browser, send, slug
from tests.gateway.fakes import Services, answer, problem
from tests.support.examples import ACCOUNT, USER, USER_ID

ME = "/api/users/me/"
ACCOUNT_PATH = f"/accounts/{USER_ID}/"


@pytest.fixture(autouse=True)
def _known(services: Services) -> None:
    services.users.on("GET", ACCOUNT_PATH, answer(200, ACCOUNT))
    services.users.on("GET", "/users/me/", answer(200, USER))
    services.users.on("PATCH", "/users/me/", answer(200, USER))


def expired(pair: TokenPair) -> TokenPair:
    key = settings.JWT_KEYS
    claims = jwt.decode(pair.access, key, ["HS256"], audience="plaza")
    return TokenPair(jwt.encode(claims | {"exp": 1}, key, "HS256"), pair.refresh)


def left_alone(response: HttpResponse) -> bool:
    return not {ACCESS_COOKIE, REFRESH_COOKIE} & set(response.cookies)


def cleared(response: HttpResponse) -> bool:
    return [response.cookies[name].value for name in (ACCESS_COOKIE, REFRESH_COOKIE)] == ["", ""]


@pytest.mark.parametrize("access", ["expired", "absent", "garbled"])
def test_an_access_cookie_that_is_over_is_renewed_within_the_request(
    access: str, begin_session: BeginSession, services: Services
) -> None:
    session, pair = begin_session()
    client = browser(expired(pair))
    if access == "absent":
        del client.cookies[ACCESS_COOKIE]
    elif access == "garbled":
        client.cookies[ACCESS_COOKIE] = "abc"
    response = client.get(ME)
    assert (response.status_code, response.json()) == (200, USER)
    assert read_access(response.cookies[ACCESS_COOKIE].value).session_id == session.pk
    assert response.cookies[REFRESH_COOKIE].value not in {"", pair.refresh}
    for name in (ACCESS_COOKIE, REFRESH_COOKIE):
        assert (response.cookies[name]["httponly"], response.cookies[name]["samesite"]) == (True, "Lax")
    assert [call.path for call in services.calls] == [ACCOUNT_PATH, "/users/me/"]
    assert left_alone(client.get(ME))  # the browser has the new ones


def test_a_form_left_open_is_sent_as_if_nothing_had_happened(begin_session: BeginSession) -> None:
    client = browser(begin_session()[1])
    client.get("/")
    token = client.cookies["plaza_csrf"].value
    client.cookies[ACCESS_COOKIE] = "over"
    response = send(client, "PATCH", ME, {"first_name": "Ada"}, X_CSRFToken=token)
    assert response.status_code == 200
    assert not left_alone(response)


def test_renewal_is_no_way_around_csrf(begin_session: BeginSession, services: Services) -> None:
    response = send(browser(expired(begin_session()[1])), "PATCH", ME, {"first_name": "Ada"})
    assert (response.status_code, slug(response)) == (403, "csrf-failed")
    assert [call.path for call in services.calls] == [ACCOUNT_PATH]


def test_a_good_access_cookie_costs_nothing(begin_session: BeginSession, services: Services) -> None:
    session, pair = begin_session()
    assert left_alone(browser(pair).get(ME))
    assert [call.path for call in services.calls] == ["/users/me/"]
    assert Session.objects.get().token_digest == session.token_digest


def test_a_request_with_a_header_is_none_of_a_browsers(begin_session: BeginSession, services: Services) -> None:
    session, pair = begin_session()
    client = browser(expired(pair))
    response = send(client, "GET", ME, Authorization=f"Bearer {pair.access}")
    assert response.status_code == 200
    assert left_alone(response)
    assert [call.path for call in services.calls] == ["/users/me/"]
    assert Session.objects.get().token_digest == session.token_digest


def test_without_a_refresh_cookie_there_is_nothing_to_renew(begin_session: BeginSession, services: Services) -> None:
    client = browser(expired(begin_session()[1]))
    del client.cookies[REFRESH_COOKIE]
    response = client.get(ME)
    assert (response.status_code, left_alone(response)) == (401, True)
    assert services.calls == []


def test_who_lost_the_race_for_the_next_token_is_served_all_the_same(begin_session: BeginSession) -> None:
    session, pair = begin_session()
    successor = renew(pair.refresh)
    response = browser(expired(pair)).get(ME)
    assert (response.status_code, response.json(), left_alone(response)) == (200, USER, True)
    session.refresh_from_db()
    assert session.revoked_at is None
    assert browser(successor).get(ME).status_code == 200


def test_a_stolen_token_that_comes_back_late_ends_the_session_and_the_cookies(begin_session: BeginSession) -> None:
    session, pair = begin_session()
    successor = renew(pair.refresh)
    digest = Session.objects.get().spent[0][0]
    Session.objects.update(spent=[(digest, (timezone.now() - timedelta(seconds=11)).timestamp())])
    response = browser(expired(pair)).get(ME)
    assert (response.status_code, cleared(response)) == (401, True)
    session.refresh_from_db()
    assert session.revoked_because == "token reused"
    assert browser(successor).get(ME).status_code == 401


@pytest.mark.parametrize("end", ["revoked", "account changed", "garbled"])
def test_a_session_that_is_over_takes_its_cookies_along(
    end: str, begin_session: BeginSession, services: Services
) -> None:
    _, pair = begin_session()
    client = browser(expired(pair))
    if end == "revoked":
        Session.objects.update(revoked_at=timezone.now())
    elif end == "account changed":
        services.users.on("GET", ACCOUNT_PATH, problem(404, "not-found"))
    else:
        client.cookies[REFRESH_COOKIE] = "abc"
    response = client.get(ME)
    assert (response.status_code, cleared(response)) == (401, True)
    assert client.get("/api/").status_code == 200


def test_a_failing_users_service_keeps_the_cookies_and_the_session(
    begin_session: BeginSession, services: Services
) -> None:
    session, pair = begin_session()
    services.users.on("GET", ACCOUNT_PATH, Unreachable("users", "down"))
    client = browser(expired(pair))
    response = client.get(ME)
    assert (response.status_code, left_alone(response)) == (401, True)
    session.refresh_from_db()
    assert session.revoked_at is None
    services.users.on("GET", ACCOUNT_PATH, answer(200, ACCOUNT))
    assert client.get(ME).status_code == 200


def test_open_pages_answer_while_a_sign_in_cannot_be_renewed(begin_session: BeginSession, services: Services) -> None:
    services.users.on("GET", ACCOUNT_PATH, Unreachable("users", "down"))
    assert browser(expired(begin_session()[1])).get("/api/").status_code == 200


def test_signing_in_and_out_have_their_own_say_about_the_cookies(
    begin_session: BeginSession, services: Services
) -> None:
    session, pair = begin_session()
    client = browser(pair)
    client.get("/")
    token = client.cookies["plaza_csrf"].value
    client.cookies[ACCESS_COOKIE] = "over"
    response = client.post("/logout/", headers={"X-CSRFToken": token})
    assert (response.status_code, cleared(response)) == (302, True)
    session.refresh_from_db()
    assert session.revoked_because == "signed out"


def test_a_client_without_cookies_passes_untouched(services: Services, db: None) -> None:
    assert left_alone(Client().get("/api/"))
    assert services.calls == []
