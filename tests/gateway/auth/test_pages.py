"""Signing in and out in a browser."""

import pytest
from django.http import HttpResponse
from django.test import Client

from common.upstream import CircuitRejected, Unreachable
from gateway_project.auth.authentication import ACCESS_COOKIE, REFRESH_COOKIE
from gateway_project.auth.models import Session
from gateway_project.auth.sessions import revoke
from gateway_project.auth.tokens import read_access
from tests.gateway.clients import HTML, BeginSession, browser, slug
from tests.gateway.fakes import Reply, Services, answer
from tests.gateway.pages import read
from tests.support.examples import ACCOUNT, USER

RIGHT = {"username": "ada", "password": " violet harbour 9 "}


@pytest.fixture
def visitor(db: None) -> Client:
    """A browser that nobody has signed in with."""
    return browser()


def submit(client: Client, path: str = "/login/", **form: str) -> HttpResponse:
    """The form of a page, sent as it was shown but for `form`."""
    shown = read(client.get(path, headers=HTML)).main
    hidden = {element.attributes["name"]: element.attributes["value"] for element in shown.all("input", type="hidden")}
    return client.post(path, hidden | form, headers=HTML)


def error_of(response: HttpResponse) -> str:
    return read(response).one("p", role="alert").text


def test_the_page_asks_for_name_and_password(visitor: Client) -> None:
    response = visitor.get("/login/", headers=HTML)
    shown = read(response).main
    assert response.status_code == 200
    assert shown.one("form").attributes == {"class": "card narrow", "method": "post", "action": "/login/"}
    assert shown.one("input", name="username").attributes["autocomplete"] == "username"
    assert shown.one("input", name="password").attributes["type"] == "password"
    assert shown.one("input", name="csrfmiddlewaretoken").attributes["value"]
    assert "no-store" in response["Cache-Control"]
    assert shown.all("script") == []


def test_signing_in_sets_the_tokens_as_cookies_that_scripts_cannot_read(visitor: Client, services: Services) -> None:
    services.users.on("POST", "/credentials/", answer(200, {"user": ACCOUNT}))
    response = submit(visitor, **RIGHT)
    assert (response.status_code, response["Location"]) == (302, "/")
    assert services.users.last_body == RIGHT
    session = Session.objects.get()
    assert read_access(response.cookies[ACCESS_COOKIE].value).session_id == session.pk
    assert set(response.cookies) >= {ACCESS_COOKIE, REFRESH_COOKIE} == {"plaza_access", "plaza_refresh"}
    for name in (ACCESS_COOKIE, REFRESH_COOKIE):
        cookie = response.cookies[name]
        assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["domain"]) == (True, "Lax", "/", "")
        assert cookie["secure"] == ""  # the shop is on http here; test_cookies has https
        assert cookie["max-age"] == 7 * 24 * 3600
    services.users.on("GET", "/users/me/", answer(200, USER))
    assert visitor.get("/api/users/me/").json() == USER


def test_wrong_credentials_are_told_apart_from_nothing(visitor: Client, services: Services) -> None:
    services.users.otherwise = answer(200, {"user": None})
    response = submit(visitor, username='<ada"', password="wrong")
    assert response.status_code == 401
    assert error_of(response) == "No active account has this username and password."
    shown = read(response)
    assert shown.one("input", name="username").attributes["value"] == '<ada"'
    assert "value" not in shown.one("input", name="password").attributes
    assert ACCESS_COOKIE not in response.cookies
    assert Session.objects.count() == 0


@pytest.mark.parametrize(
    ("username", "password"), [("", ""), ("ada", ""), (" ", "x"), ("a" * 151, "x"), ("ada", "x" * 129), ("a\0", "x")]
)
def test_what_can_be_nobodys_is_not_asked_about(
    username: str, password: str, visitor: Client, services: Services
) -> None:
    """Or five of them would open the circuit to the users service, which refuses them as bad input."""
    response = submit(visitor, username=username, password=password)
    assert (response.status_code, error_of(response)) == (401, "No active account has this username and password.")
    assert services.calls == []


@pytest.mark.parametrize(
    ("reply", "status"),
    [(Unreachable("users", "10.0.0.1"), 502), (CircuitRejected("users", 3), 503), (answer(500), 502)],
)
def test_a_failing_users_service_is_told_as_such(
    reply: Reply, status: int, visitor: Client, services: Services
) -> None:
    services.users.otherwise = reply
    response = submit(visitor, **RIGHT)
    assert (response.status_code, error_of(response)) == (
        status,
        "Nobody can sign in at the moment. Try again soon.",
    )
    assert "10.0.0.1" not in response.content.decode()
    assert ACCESS_COOKIE not in response.cookies


def test_a_form_without_its_csrf_token_signs_nobody_in(visitor: Client, services: Services) -> None:
    services.users.otherwise = answer(200, {"user": ACCOUNT})
    response = visitor.post("/login/", RIGHT)
    assert (response.status_code, slug(response)) == (403, "csrf-failed")
    assert response.json()["detail"].startswith("The form is too old, or came from another site.")
    assert services.calls == []
    assert Session.objects.count() == 0


@pytest.mark.parametrize(
    ("wanted", "target"),
    [
        ("/api/orders/?status=paid", "/api/orders/?status=paid"),
        ("/status/", "/status/"),
        ("", "/"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("///evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("\\\\evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("http:///evil.example/", "/"),
        ("evil.example", "/"),
        (" https://evil.example/", "/"),
    ],
)
def test_after_signing_in_one_stays_on_this_site(wanted: str, target: str, visitor: Client, services: Services) -> None:
    services.users.otherwise = answer(200, {"user": ACCOUNT})
    shown = read(visitor.get("/login/", {"next": wanted}, headers=HTML)).main
    assert shown.one("input", name="next").attributes["value"] == target
    token = shown.one("input", name="csrfmiddlewaretoken").attributes["value"]
    response = visitor.post("/login/", RIGHT | {"next": wanted, "csrfmiddlewaretoken": token})
    assert (response.status_code, response["Location"]) == (302, target)


def test_signing_in_again_takes_over_from_who_was_signed_in(begin_session: BeginSession, services: Services) -> None:
    before, pair = begin_session()
    services.users.otherwise = answer(200, {"user": ACCOUNT})
    client = browser(pair)
    form = read(client.get("/logout/", headers=HTML))
    token = form.all("input", name="csrfmiddlewaretoken")[0].attributes["value"]
    response = client.post("/login/", {**RIGHT, "csrfmiddlewaretoken": token}, headers=HTML)
    assert read_access(response.cookies[ACCESS_COOKIE].value).session_id != before.pk


@pytest.mark.parametrize(("path", "target"), [("/login/", "/"), ("/login/?next=/api/orders/", "/api/orders/")])
def test_who_is_signed_in_is_sent_on_from_the_sign_in_page(path: str, target: str, begin_session: BeginSession) -> None:
    response = browser(begin_session()[1]).get(path, headers=HTML)
    assert (response.status_code, response["Location"]) == (302, target)


def test_signing_out_to_sign_in_as_somebody_else_leads_back_to_the_page(begin_session: BeginSession) -> None:
    client = browser(begin_session()[1])
    response = submit(client, "/logout/?next=/status/")
    assert (response.status_code, response["Location"]) == (302, "/login/?next=%2Fstatus%2F")


def test_the_sign_out_page_says_who_is_signed_in(begin_session: BeginSession) -> None:
    shown = read(browser(begin_session()[1]).get("/logout/", headers=HTML)).main
    assert shown.one("strong").text.startswith("ada")
    assert shown.one("form").attributes["action"] == "/logout/"


def test_who_is_not_signed_in_is_led_to_the_sign_in_page(visitor: Client) -> None:
    response = visitor.get("/logout/", headers=HTML)
    assert (response.status_code, response["Location"]) == (302, "/login/")


def test_signing_out_ends_the_session_and_clears_the_cookies(begin_session: BeginSession) -> None:
    session, pair = begin_session()
    client = browser(pair)
    response = submit(client, "/logout/")
    assert (response.status_code, response["Location"]) == (302, "/login/")
    session.refresh_from_db()
    assert session.revoked_because == "signed out"
    for name in (ACCESS_COOKIE, REFRESH_COOKIE):
        assert (response.cookies[name].value, response.cookies[name]["max-age"]) == ("", 0)
    again = browser(pair).get("/api/users/me/")
    assert again.status_code == 401


def test_signing_out_needs_its_csrf_token(begin_session: BeginSession) -> None:
    session, pair = begin_session()
    response = browser(pair).post("/logout/")
    assert (response.status_code, slug(response)) == (403, "csrf-failed")
    session.refresh_from_db()
    assert session.revoked_at is None
    assert ACCESS_COOKIE not in response.cookies


def test_a_browser_whose_session_is_over_signs_out_all_the_same(
    begin_session: BeginSession, services: Services
) -> None:
    session, pair = begin_session()
    client = browser(pair)
    token = read(client.get("/logout/", headers=HTML)).main.one("input", name="csrfmiddlewaretoken").attributes["value"]
    revoke(Session.objects.filter(pk=session.pk), "elsewhere")
    response = client.post("/logout/", {"csrfmiddlewaretoken": token})
    assert (response.status_code, response["Location"]) == (302, "/login/")
    assert response.cookies[REFRESH_COOKIE].value == ""
    session.refresh_from_db()
    assert session.revoked_because == "elsewhere"
    assert services.calls == []


@pytest.mark.parametrize("refresh", ["good", "abc"])
def test_signing_out_with_only_a_refresh_cookie_while_users_is_down(
    refresh: str, begin_session: BeginSession, services: Services
) -> None:
    session, pair = begin_session()
    services.users.otherwise = Unreachable("users", "down")
    client = browser(pair)
    token = read(client.get("/logout/", headers=HTML)).main.one("input", name="csrfmiddlewaretoken").attributes["value"]
    del client.cookies[ACCESS_COOKIE]
    if refresh != "good":
        client.cookies[REFRESH_COOKIE] = refresh
    response = client.post("/logout/", {"csrfmiddlewaretoken": token})
    assert (response.status_code, response.cookies[REFRESH_COOKIE].value) == (302, "")
    session.refresh_from_db()
    assert session.revoked_because == ("signed out" if refresh == "good" else "")
