"""Requests are counted by user, else by address; attempts to sign in by address and by account."""

from typing import Any
from uuid import UUID

import pytest
from django.conf import settings as configured
from django.http import HttpResponse
from django.test import Client, RequestFactory

from gateway_project.routing.throttles import RequestThrottle, SignInThrottle, client_address
from tests.gateway.clients import BeginSession, browser, send, signed_in, slug
from tests.gateway.examples import ACCOUNT, OTHER_ID
from tests.gateway.fakes import Services, answer
from tests.gateway.pages import read

NOW = 1_772_600_400.0  # a window begins


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Its `now` is what both throttles take for the time."""

    class Clock:
        now = NOW

    monkeypatch.setattr(RequestThrottle, "clock", staticmethod(lambda: Clock.now))
    monkeypatch.setattr(SignInThrottle, "clock", staticmethod(lambda: Clock.now))
    return Clock


def limit(settings: Any, **limits: int) -> None:
    settings.THROTTLES = dict.fromkeys(settings.THROTTLES, 0) | limits


def sign_in(client: Client, username: str = "ada", **headers: str) -> HttpResponse:
    return send(client, "POST", "/api/auth/token/", {"username": username, "password": "x"}, **headers)


def refused(response: HttpResponse) -> str:
    """How long to wait."""
    assert (response.status_code, slug(response)) == (429, "throttled")
    return response["Retry-After"]


def test_a_user_is_counted_on_all_devices_together(begin_session: BeginSession, settings: Any, clock: Any) -> None:
    limit(settings, user=3)
    first, second = signed_in(begin_session()[1]), signed_in(begin_session()[1])
    other = signed_in(begin_session(OTHER_ID, "bob")[1])
    clock.now = NOW + 20
    assert [client.get("/api/").status_code for client in (first, second, first)] == [200, 200, 200]
    assert refused(second.get("/api/")) == "40"
    assert other.get("/api/").status_code == 200


def test_the_count_starts_anew_with_the_next_minute(user: Client, settings: Any, clock: Any) -> None:
    limit(settings, user=1)
    clock.now = NOW + 59.9
    assert user.get("/api/").status_code == 200
    assert refused(user.get("/api/")) == "1"
    clock.now = NOW + 60
    assert user.get("/api/").status_code == 200


def test_a_throttled_request_goes_no_further(user: Client, settings: Any, services: Services) -> None:
    limit(settings, user=1)
    services.users.otherwise = answer(500)
    assert user.get("/api/users/me/").status_code == 502
    assert refused(user.get("/api/users/me/")) == "60"
    assert len(services.calls) == 1


def test_who_is_not_signed_in_is_counted_by_address(anonymous: Client, user: Client, settings: Any) -> None:
    limit(settings, address=2)
    assert anonymous.get("/api/").status_code == 200
    assert anonymous.get("/api/", REMOTE_ADDR="192.0.2.9").status_code == 200
    assert anonymous.get("/api/").status_code == 200
    assert refused(anonymous.get("/api/")) == "60"
    assert anonymous.get("/api/", REMOTE_ADDR="192.0.2.9").status_code == 200
    assert user.get("/api/").status_code == 200


def test_a_refused_caller_is_counted_too(anonymous: Client, settings: Any) -> None:
    limit(settings, address=2)
    anonymous.get("/api/")
    anonymous.get("/api/")
    assert refused(anonymous.post("/api/auth/token/verify/", {"token": "x"}, "application/json")) == "60"


def test_no_limit_is_no_limit(user: Client, settings: Any) -> None:
    limit(settings)
    assert {user.get("/api/").status_code for _ in range(30)} == {200}


def test_the_defaults_let_people_work_and_stop_guessers() -> None:
    expected = {"user": 1200, "address": 300, "sign_in_address": 60, "sign_in_account": 10}
    assert expected == configured.THROTTLES


def test_attempts_to_sign_in_are_counted_by_address(anonymous: Client, settings: Any, services: Services) -> None:
    limit(settings, sign_in_address=2)
    services.users.otherwise = answer(200, {"user": None})
    assert [sign_in(anonymous, name).status_code for name in ("ada", "bob")] == [401, 401]
    assert refused(sign_in(anonymous, "eve")) == "60"
    assert len(services.users.calls) == 2


def test_attempts_on_one_account_are_counted_wherever_they_come_from(
    anonymous: Client, settings: Any, services: Services
) -> None:
    limit(settings, sign_in_account=2)
    services.users.otherwise = answer(200, {"user": None})
    for number, name in enumerate(("ada", "ADA")):
        client = Client(REMOTE_ADDR=f"192.0.2.{number}")
        assert sign_in(client, name).status_code == 401
    assert refused(sign_in(anonymous, "Ada")) == "60"
    assert sign_in(anonymous, "bob").status_code == 401
    assert len(services.users.calls) == 3


@pytest.mark.django_db
def test_a_right_password_is_refused_too_while_an_account_is_throttled(
    anonymous: Client, settings: Any, services: Services, clock: Any
) -> None:
    limit(settings, sign_in_account=1)
    services.users.otherwise = answer(200, {"user": ACCOUNT})
    assert sign_in(anonymous).status_code == 200
    assert refused(sign_in(anonymous)) == "60"
    clock.now = NOW + 60
    assert sign_in(anonymous).status_code == 200


def test_the_sign_in_page_counts_with_the_api(settings: Any, services: Services) -> None:
    limit(settings, sign_in_account=1)
    services.users.otherwise = answer(200, {"user": None})
    client = browser()
    token = read(client.get("/login/")).one("input", name="csrfmiddlewaretoken").attributes["value"]
    assert sign_in(client).status_code == 401
    form = {"username": "ada", "password": "x", "csrfmiddlewaretoken": token}
    response = client.post("/login/", form)
    assert response.status_code == 429
    assert read(response).one("p", role="alert").text == "Too many attempts. Try again in a minute."
    assert len(services.users.calls) == 1


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "expected"),
    [
        ("198.51.100.1", "10.0.0.1", [], "198.51.100.1"),
        ("198.51.100.1", "10.0.0.1", ["192.0.2.1"], "198.51.100.1"),
        ("192.0.2.1", "203.0.113.5", ["192.0.2.1"], "203.0.113.5"),
        ("192.0.2.1", "10.0.0.1, 203.0.113.5", ["192.0.2.1"], "203.0.113.5"),
        ("192.0.2.1", "10.0.0.1, 203.0.113.5, 192.0.2.2", ["192.0.2.1", "192.0.2.2"], "203.0.113.5"),
        ("192.0.2.1", "", ["192.0.2.1"], "192.0.2.1"),
        ("192.0.2.1", "192.0.2.1", ["192.0.2.1"], "192.0.2.1"),
        ("192.0.2.1", " , 203.0.113.5 ,", ["192.0.2.1"], "203.0.113.5"),
        ("192.0.2.1", "a" * 100, ["192.0.2.1"], "a" * 45),
    ],
)
def test_only_a_trusted_proxy_is_believed_about_whom_it_forwards(
    peer: str, forwarded: str, trusted: list[str], expected: str, settings: Any
) -> None:
    settings.TRUSTED_PROXIES = trusted
    request = RequestFactory().get("/", REMOTE_ADDR=peer, headers={"X-Forwarded-For": forwarded})
    assert client_address(request) == expected


def test_a_spoofed_address_wins_no_attempts(anonymous: Client, settings: Any, services: Services) -> None:
    limit(settings, sign_in_address=2)
    services.users.otherwise = answer(200, {"user": None})
    for number in range(2):
        assert sign_in(anonymous, f"user{number}", X_Forwarded_For=f"10.0.0.{number}").status_code == 401
    assert refused(sign_in(anonymous, "eve", X_Forwarded_For="10.0.0.9")) == "60"
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    assert sign_in(anonymous, "eve", X_Forwarded_For="10.0.0.9").status_code == 401
    assert UUID(services.users.claims().get("sub", OTHER_ID)) == UUID(OTHER_ID)
