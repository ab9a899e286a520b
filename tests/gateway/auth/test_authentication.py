"""Who asks: by the Authorization header, else by cookie and then under CSRF."""

from typing import Any

import pytest
from django.test import Client, RequestFactory

from gateway_project.auth.authentication import ACCESS_COOKIE
from gateway_project.auth.models import Session
from gateway_project.auth.permissions import AllowAny
from gateway_project.auth.sessions import revoke
from tests.gateway.clients import BeginSession, browser, send, signed_in, slug
from tests.gateway.fakes import Services, answer
from tests.support.examples import OTHER_ID, USER, USER_ID
from tests.support.urls import views

ME = "/api/users/me/"
CHANGE = {"first_name": "Ada"}
CHALLENGE = 'Bearer realm="plaza"'


@pytest.fixture(autouse=True)
def _known(services: Services) -> None:
    services.users.otherwise = answer(200, USER)


def csrf_of(client: Client) -> str:
    client.get("/")
    return client.cookies["plaza_csrf"].value


def test_a_header_proves_who_asks(begin_session: BeginSession, services: Services) -> None:
    assert signed_in(begin_session()[1]).get(ME).status_code == 200
    assert services.users.claims()["sub"] == USER_ID


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer"])
def test_the_scheme_is_read_in_any_case(scheme: str, begin_session: BeginSession, anonymous: Client) -> None:
    _, pair = begin_session()
    assert send(anonymous, "GET", ME, Authorization=f"{scheme}  {pair.access} ").status_code == 200


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "Token abc", "{access}"])
def test_a_header_of_another_form_is_401_and_never_anonymous(
    header: str, begin_session: BeginSession, anonymous: Client, services: Services
) -> None:
    _, pair = begin_session()
    response = send(anonymous, "GET", ME, Authorization=header.format(access=pair.access))
    assert (response.status_code, slug(response), response["WWW-Authenticate"]) == (401, "invalid-token", CHALLENGE)
    assert response.json()["detail"] == "The Authorization header takes: Bearer <access token>."
    assert services.calls == []


@pytest.mark.parametrize("header", ["", "Bearer stale", "Basic YTpi"])
def test_what_is_open_is_open_whatever_the_header_says(header: str, anonymous: Client) -> None:
    opened = [path for path, view in views().items() if hasattr(view, "cls") and _is_open(view)]
    assert {"/api/", "/api/schema/", "/api/docs/"} <= set(opened)
    for path in opened:
        assert send(anonymous, "GET", path, Authorization=header).status_code in {200, 405}, path


def test_nor_does_an_ended_session_close_what_is_open(begin_session: BeginSession) -> None:
    session, pair = begin_session()
    revoke(Session.objects.filter(pk=session.pk), "signed out")
    assert send(signed_in(pair), "GET", "/api/").status_code == 200


def _is_open(view: Any) -> bool:
    permissions = view.cls(**view.initkwargs, request=RequestFactory().get("/")).get_permissions()
    return all(isinstance(permission, AllowAny) for permission in permissions)


def test_a_revoked_session_is_401_with_a_challenge(begin_session: BeginSession, services: Services) -> None:
    session, pair = begin_session()
    revoke(Session.objects.filter(pk=session.pk), "signed out")
    response = send(signed_in(pair), "GET", ME)
    assert (response.status_code, slug(response), response["WWW-Authenticate"]) == (401, "session-ended", CHALLENGE)
    assert services.calls == []


def test_a_cookie_proves_who_reads(begin_session: BeginSession, services: Services) -> None:
    assert browser(begin_session()[1]).get(ME).status_code == 200
    assert services.users.claims()["sub"] == USER_ID


def test_a_header_beats_cookies(begin_session: BeginSession, services: Services) -> None:
    client = browser(begin_session(OTHER_ID, "bob", is_staff=True)[1])
    own = begin_session()[1]
    assert send(client, "PATCH", ME, CHANGE, Authorization=f"Bearer {own.access}").status_code == 200
    assert (services.users.claims()["sub"], services.users.claims()["is_staff"]) == (USER_ID, False)


def test_a_wrong_header_is_not_saved_by_a_good_cookie(begin_session: BeginSession, services: Services) -> None:
    client = browser(begin_session()[1])
    response = send(client, "GET", ME, Authorization="Bearer abc")
    assert (response.status_code, slug(response)) == (401, "invalid-token")
    assert services.calls == []


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_an_unsafe_request_by_cookie_needs_a_csrf_token(
    method: str, begin_session: BeginSession, services: Services
) -> None:
    client = browser(begin_session()[1])
    response = send(client, method, ME, CHANGE)
    assert (response.status_code, slug(response)) == (403, "csrf-failed")
    assert services.calls == []


def test_an_unsafe_request_by_cookie_with_its_csrf_token_passes(
    begin_session: BeginSession, services: Services
) -> None:
    client = browser(begin_session()[1])
    assert send(client, "PATCH", ME, CHANGE, X_CSRFToken=csrf_of(client)).status_code == 200
    assert services.users.last_body == CHANGE


def test_anothers_csrf_token_or_origin_does_not_pass(begin_session: BeginSession, services: Services) -> None:
    client = browser(begin_session()[1])
    token = csrf_of(client)
    assert send(client, "PATCH", ME, CHANGE, X_CSRFToken=csrf_of(browser())).status_code == 403
    elsewhere = send(client, "PATCH", ME, CHANGE, X_CSRFToken=token, Origin="https://evil.example")
    assert (elsewhere.status_code, slug(elsewhere)) == (403, "csrf-failed")
    ours = send(client, "PATCH", ME, CHANGE, X_CSRFToken=token, Origin="http://127.0.0.1:8000")
    assert ours.status_code == 200
    assert len(services.calls) == 1


def test_a_header_needs_no_csrf_token(begin_session: BeginSession) -> None:
    client = Client(enforce_csrf_checks=True, headers={"Authorization": f"Bearer {begin_session()[1].access}"})
    assert send(client, "PATCH", ME, CHANGE).status_code == 200


def test_a_cookie_that_is_over_counts_as_absent(begin_session: BeginSession, services: Services) -> None:
    client = browser()
    client.cookies[ACCESS_COOKIE] = "abc"
    assert client.get("/api/").status_code == 200
    session, pair = begin_session()
    revoke(Session.objects.filter(pk=session.pk), "signed out")
    client.cookies[ACCESS_COOKIE] = pair.access
    response = send(client, "PATCH", ME, CHANGE)
    assert (response.status_code, slug(response)) == (401, "not-authenticated")
    assert services.calls == []


@pytest.mark.parametrize("path", ["token/", "token/refresh/", "token/verify/", "logout/"])
def test_an_old_header_does_not_keep_anyone_from_signing_in_or_out(path: str, anonymous: Client, db: None) -> None:
    response = send(anonymous, "POST", f"/api/auth/{path}", {}, Authorization="Bearer abc")
    assert (response.status_code, slug(response)) == (400, "invalid")


def test_signing_in_by_the_api_reads_and_sets_no_cookies(begin_session: BeginSession, services: Services) -> None:
    services.users.otherwise = answer(200, {"user": None})
    client = browser(begin_session()[1])
    response = send(client, "POST", "/api/auth/token/", {"username": "bob", "password": "x"})
    assert (response.status_code, dict(response.cookies)) == (401, {})
