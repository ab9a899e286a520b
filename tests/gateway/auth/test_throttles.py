"""Strangers who guess a password are slowed, and never keep out a client that has signed in to the account before."""

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from common.upstream import CircuitRejected, Unreachable
from gateway_project.auth import devices
from gateway_project.auth.models import Session
from gateway_project.store import throttles
from gateway_project.store.backends import LocalStore
from gateway_project.upstreams.client import MonitoredUpstream
from tests.gateway.clients import HTML, BeginSession, browser, send, signed_in, slug
from tests.gateway.fakes import Services, answer, problem
from tests.gateway.pages import read
from tests.support.clock import Clock
from tests.support.examples import ACCOUNT, OTHER_ID, USER, USER_ID

pytestmark = pytest.mark.django_db
HOME, CAFE, ELSEWHERE = "192.0.2.7", "198.51.100.1", "203.0.113.9"
RIGHT = "violet harbour 9"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    local = LocalStore(clock)
    monkeypatch.setattr(throttles, "store", lambda: local)
    monkeypatch.setattr(timezone, "now", clock.now)
    return clock


@pytest.fixture(autouse=True)
def _accounts(services: Services) -> None:
    """`ada` is the only account."""

    def verdict(call: Any) -> Any:
        body = services.users.last_body
        is_ada = body["username"].casefold() == "ada" and body["password"] == RIGHT
        return answer(200, {"user": ACCOUNT if is_ada else None})

    services.users.on("POST", "/credentials/", verdict)


def sign_in(
    password: str = RIGHT, *, username: str = "ada", address: str = HOME, client: Client | None = None, **headers: str
) -> HttpResponse:
    client = client or Client()
    client.defaults["REMOTE_ADDR"] = address
    return send(client, "POST", "/api/auth/token/", {"username": username, "password": password}, **headers)


def submit(client: Client, password: str = RIGHT, username: str = "ada", address: str = HOME) -> HttpResponse:
    """The form of the sign-in page."""
    client.defaults["REMOTE_ADDR"] = address
    token = read(client.get("/", headers=HTML)).all("input", name="csrfmiddlewaretoken")[0].attributes["value"]
    form = {"username": username, "password": password, "csrfmiddlewaretoken": token}
    return client.post("/login/", form)


def refused(response: HttpResponse) -> str:
    """How long to wait."""
    assert (response.status_code, slug(response)) == (429, "throttled")
    return response["Retry-After"]


def addresses(network: int = 0) -> Iterator[str]:
    return (f"10.{network}.{number >> 8}.{number & 255}" for number in range(65_536))


def siege(services: Services, address: str = "") -> None:
    """Strangers guess the password of `ada` until each further one is refused: from one address, or from many."""
    for each in [address] * 5 if address else addresses():
        if sign_in("wrong", address=each).status_code == 429:
            break
    before = len(services.users.calls)
    assert sign_in(address=address or ELSEWHERE).status_code == 429
    assert len(services.users.calls) == before


def test_one_stranger_keeps_nobody_else_out(services: Services) -> None:
    siege(services, ELSEWHERE)
    assert refused(sign_in(address=ELSEWHERE)) == "1"
    assert sign_in(address=HOME).status_code == 200


def test_a_hundred_wrong_passwords_from_many_addresses_are_the_most_in_an_hour(
    services: Services, clock: Clock
) -> None:
    siege(services)
    assert len(services.users.calls) == 100
    clock.advance(600)
    assert refused(sign_in(address=ELSEWHERE)) == "3000"
    assert sign_in("wrong", username="grace", address=ELSEWHERE).status_code == 401
    clock.advance(3000)
    assert sign_in(address=ELSEWHERE).status_code == 200


@pytest.mark.parametrize("username", ["ada", "ADA"])
def test_a_program_signs_in_from_its_usual_address_while_strangers_guess(services: Services, username: str) -> None:
    assert sign_in(address=HOME).status_code == 200
    siege(services)
    assert sign_in(address=HOME, username=username).status_code == 200
    assert sign_in("wrong", address=HOME).status_code == 401


def test_the_usual_address_is_forgotten_after_months_and_bound_to_its_account(services: Services, clock: Clock) -> None:
    assert sign_in(address=HOME).status_code == 200
    assert not devices.has_signed_in_from(HOME, "grace")
    assert not devices.has_signed_in_from(CAFE, "ada")
    clock.advance(devices.NETWORK_KNOWN_FOR.total_seconds() - 60)
    assert devices.has_signed_in_from(HOME, "Ada")
    clock.advance(120)
    assert not devices.has_signed_in_from(HOME, "ada")


def test_an_ipv6_network_is_one_usual_address_and_one_stranger(services: Services) -> None:
    assert sign_in(address="2001:db8:1::1").status_code == 200
    for number in range(5):
        assert sign_in("wrong", address=f"2001:db8:2::{number}").status_code == 401
    assert refused(sign_in(address="2001:db8:2::abcd")) == "1"
    siege(services)
    assert sign_in(address="2001:db8:1:0:ffff::2").status_code == 200
    assert sign_in(address="2001:db8:1:1::1").status_code == 429


def test_a_program_proves_who_it_is_by_its_last_token_wherever_it_is(services: Services, clock: Clock) -> None:
    token = sign_in(address=HOME).json()["access"]
    clock.advance(7 * 24 * 3600)
    proof = {"Authorization": f"Bearer {token}"}
    siege(services, CAFE)
    siege(services)
    assert sign_in(address=CAFE, Authorization=f"Bearer {token[:-2]}").status_code == 429
    assert sign_in(address=CAFE, Authorization="Basic YTpi").status_code == 429
    assert sign_in(address=CAFE, **proof).status_code == 200


@pytest.mark.parametrize("address", [HOME, CAFE])
def test_a_browser_is_known_wherever_it_is_and_after_it_has_signed_out(services: Services, address: str) -> None:
    client = browser()
    assert submit(client, address=HOME).status_code == 302
    cookie = client.cookies["plaza_device"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["secure"]) == (True, "Lax", "/", "")
    assert cookie["max-age"] == 365 * 24 * 3600
    client.cookies.pop("plaza_access")
    client.cookies.pop("plaza_refresh")
    siege(services, address)
    siege(services)
    assert submit(client, address=address).status_code == 302
    assert submit(client, username="ADA", address=address).status_code == 302


def test_signing_out_leaves_the_browser_known() -> None:
    client = browser()
    submit(client)
    token = read(client.get("/logout/")).main.one("input", name="csrfmiddlewaretoken").attributes["value"]
    assert client.post("/logout/", {"csrfmiddlewaretoken": token}).status_code == 302
    assert client.cookies["plaza_access"].value == ""
    assert client.cookies["plaza_device"].value != ""


def test_several_people_share_a_browser(services: Services) -> None:
    services.users.on("POST", "/credentials/", answer(200, {"user": ACCOUNT}))
    client = browser()
    values = set()
    for number in range(12):
        assert submit(client, username=f"member{number}").status_code == 302
        values.add(len(client.cookies["plaza_device"].value))
    assert max(values) < 500
    services.users.on("POST", "/credentials/", answer(200, {"user": None}))
    for number in (11, 2):  # the last ten
        siege_of = f"member{number}"
        for each in addresses(number):
            if sign_in("wrong", username=siege_of, address=each).status_code == 429:
                break
        assert submit(client, "wrong", username=siege_of, address=ELSEWHERE).status_code == 401
    assert submit(client, "wrong", username="member1", address=ELSEWHERE).status_code == 401


@pytest.mark.parametrize("forged", ["", "x", "a:b:c", "WyJ4Il0:1tX:abc"])
def test_a_forged_proof_is_none(forged: str, services: Services) -> None:
    client = browser()
    client.cookies["plaza_device"] = forged
    siege(services)
    assert submit(client, address=ELSEWHERE).status_code == 429


def test_a_proof_is_good_for_its_own_account_only(begin_session: BeginSession, services: Services) -> None:
    mallory = signed_in(begin_session(username="mallory")[1])
    siege(services)
    assert sign_in("wrong", client=mallory, address=ELSEWHERE).status_code == 429
    assert sign_in("wrong", username="mallory", client=mallory, address=ELSEWHERE).status_code == 401


def test_a_known_client_is_slowed_by_its_own_mistakes(services: Services, clock: Clock) -> None:
    token = sign_in().json()["access"]
    for _ in range(5):
        assert sign_in("wrong", Authorization=f"Bearer {token}").status_code == 401
    assert refused(sign_in(Authorization=f"Bearer {token}")) == "1"
    assert sign_in().status_code == 200  # without the proof it is another guesser
    clock.advance(1)
    assert sign_in(Authorization=f"Bearer {token}").status_code == 200


def test_known_clients_have_a_limit_together_that_strangers_cannot_use_up(
    begin_session: BeginSession, settings: Any, services: Services
) -> None:
    settings.THROTTLES = settings.THROTTLES | {"sign_in_account": 2, "guesses": 0}
    tokens = [begin_session()[1].access for _ in range(3)]
    for token in tokens[:2]:
        assert sign_in("wrong", Authorization=f"Bearer {token}").status_code == 401
    assert sign_in(Authorization=f"Bearer {tokens[2]}").status_code == 429
    assert sign_in("wrong", address=ELSEWHERE).status_code == 401


def test_one_address_has_a_limit_at_all_accounts_together(settings: Any, services: Services) -> None:
    settings.THROTTLES = settings.THROTTLES | {"sign_in_address": 3}
    for number in range(3):
        assert sign_in("wrong", username=f"user{number}", address=ELSEWHERE).status_code == 401
    assert refused(sign_in("wrong", username="user4", address=ELSEWHERE)) == "3600"
    assert sign_in("wrong", username="user4", address=CAFE).status_code == 401


def test_at_an_address_where_somebody_guesses_the_others_go_on(settings: Any, services: Services) -> None:
    settings.THROTTLES = settings.THROTTLES | {"sign_in_address": 3}
    assert sign_in(address=HOME).status_code == 200
    for number in range(4):
        sign_in("wrong", username=f"user{number}", address=HOME)
    assert sign_in(username="newcomer", address=HOME).status_code == 429
    assert sign_in(address=HOME).status_code == 200


def test_a_spoofed_address_wins_no_guesses(settings: Any, services: Services) -> None:
    for number in range(5):
        assert sign_in("wrong", X_Forwarded_For=f"10.0.0.{number}").status_code == 401
    assert refused(sign_in("wrong", X_Forwarded_For="10.0.0.9")) == "1"
    settings.TRUSTED_PROXIES = [ip_network(HOME)]
    assert sign_in("wrong", X_Forwarded_For="10.0.0.9").status_code == 401


def test_the_sign_in_page_counts_with_the_api(services: Services) -> None:
    client = browser()
    for _ in range(4):
        assert sign_in("wrong").status_code == 401
    assert submit(client, "wrong").status_code == 401
    before = len(services.users.calls)
    response = submit(client)
    assert (response.status_code, response["Retry-After"]) == (429, "1")
    assert read(response).one("p", role="alert").text == "Too many attempts. Try again in a second."
    assert len(services.users.calls) == before


def test_the_sign_in_page_says_long_waits_in_minutes(services: Services) -> None:
    siege(services)
    response = submit(browser(), address=ELSEWHERE)
    assert response["Retry-After"] == "3600"
    assert read(response).one("p", role="alert").text == "Too many attempts. Try again in 60 minutes."


def test_a_failing_users_service_counts_nothing(services: Services, settings: Any) -> None:
    settings.THROTTLES = settings.THROTTLES | {"sign_in_account": 1, "sign_in_address": 1, "guesses": 1}
    services.users.on("POST", "/credentials/", CircuitRejected("users", 3))
    assert {sign_in().status_code for _ in range(10)} == {503}
    services.users.on("POST", "/credentials/", answer(200, {"user": ACCOUNT}))
    assert sign_in().status_code == 200


def test_the_requests_of_others_at_its_address_do_not_use_up_a_known_clients_limit(
    settings: Any, services: Services
) -> None:
    settings.THROTTLES = settings.THROTTLES | {"address": 2, "user": 3}
    client, token = browser(), sign_in().json()["access"]
    submit(client)
    assert [send(Client(REMOTE_ADDR=HOME), "GET", "/api/").status_code for _ in range(2)] == [429, 429]
    assert sign_in().status_code == 429
    assert submit(browser()).status_code == 429
    assert sign_in(Authorization=f"Bearer {token}").status_code == 200
    assert submit(client).status_code == 302
    assert submit(client).status_code == 302
    assert submit(client).status_code == 429  # its account's three
    assert sign_in(Authorization=f"Bearer {token}").status_code == 429


def test_a_rename_moves_the_usual_addresses_too(begin_session: BeginSession, services: Services) -> None:
    session, pair = begin_session()
    Session.objects.update(network=HOME, username_key="ada")
    services.users.on("GET", f"/accounts/{session.user_id}/", answer(200, ACCOUNT | {"username": "Countess"}))
    assert send(Client(), "POST", "/api/auth/token/refresh/", {"refresh": pair.refresh}).status_code == 200
    assert devices.has_signed_in_from(HOME, "COUNTESS")
    assert not devices.has_signed_in_from(HOME, "ada")


CHANGE = {"current_password": "x", "new_password": "violet-harbour-9"}
WRONG = [
    {"pointer": "/current_password", "detail": "This is not the current password. Try again.", "code": "wrong-password"}
]
WEAK = [{"pointer": "/new_password", "detail": "Too short.", "code": "invalid"}]


def change_password(client: Client, body: Any = CHANGE) -> HttpResponse:
    return send(client, "POST", "/api/users/me/password/", body)


def test_a_session_that_guesses_the_current_password_is_slowed(
    begin_session: BeginSession, services: Services, clock: Clock
) -> None:
    thief, owner = signed_in(begin_session()[1]), signed_in(begin_session()[1])
    services.users.on("POST", "/users/me/password/", problem(400, "invalid", errors=WRONG))
    assert [change_password(thief).status_code for _ in range(60)] == [400] * 5 + [429] * 55
    assert refused(change_password(thief)) == "1"
    assert len(services.users.calls) == 5
    assert change_password(owner).status_code == 400
    clock.advance(1)
    assert change_password(thief).status_code == 400
    assert refused(change_password(thief)) == "2"


def test_all_sessions_of_a_user_share_a_limit(
    begin_session: BeginSession, services: Services, settings: Any, clock: Clock
) -> None:
    settings.THROTTLES = settings.THROTTLES | {"sign_in_account": 2}
    services.users.on("POST", "/users/me/password/", problem(400, "invalid", errors=WRONG))
    clients = [signed_in(begin_session()[1]) for _ in range(3)]
    assert [change_password(client).status_code for client in clients] == [400, 400, 429]
    assert change_password(signed_in(begin_session(OTHER_ID, "bob")[1])).status_code == 400
    assert sign_in("wrong").status_code == 401


@pytest.mark.parametrize(
    "reply", [problem(400, "invalid", errors=WEAK), problem(400, "bad-request"), Unreachable("users", "down")]
)
def test_an_answer_that_says_nothing_about_the_password_does_not_count(
    reply: Any, user: Client, services: Services
) -> None:
    services.users.on("POST", "/users/me/password/", reply)
    assert 429 not in {change_password(user).status_code for _ in range(20)}
    assert len(services.users.calls) >= 20


def test_a_body_that_is_refused_here_is_no_guess(user: Client, services: Services) -> None:
    bodies = [{"new_password": "x"}, CHANGE | {"current_password": ""}, CHANGE | {"current_password": None}]
    assert {change_password(user, body).status_code for body in bodies * 5} == {400}
    assert services.users.calls == []


def test_the_right_current_password_forgets_the_mistakes(user: Client, services: Services) -> None:
    services.users.on("GET", f"/accounts/{USER_ID}/", answer(200, ACCOUNT))
    for _ in range(3):
        services.users.on("POST", "/users/me/password/", problem(400, "invalid", errors=WRONG))
        assert [change_password(user).status_code for _ in range(4)] == [400] * 4
        services.users.on("POST", "/users/me/password/", answer(204))
        assert change_password(user).status_code == 204


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/users/me/", {"email": "countess@example.com"}),
        ("PUT", "/users/me/", {"username": "ada", "email": "countess@example.com"}),
        ("DELETE", "/users/me/", {}),
        ("PATCH", f"/users/{USER_ID}/", {"email": "countess@example.com"}),
        ("DELETE", f"/users/{USER_ID}/", {}),
    ],
)
def test_the_current_password_cannot_be_guessed_by_another_way(
    method: str, path: str, body: Any, user: Client, services: Services
) -> None:
    services.users.on(method, path, problem(400, "invalid", errors=WRONG))
    services.users.on("POST", "/users/me/password/", problem(400, "invalid", errors=WRONG))
    guesses = [send(user, method, f"/api{path}", body | {"current_password": "a guess"}) for _ in range(4)]
    assert [guess.status_code for guess in guesses] == [400] * 4
    assert services.users.last_body == body | {"current_password": "a guess"}
    assert change_password(user).status_code == 400
    assert refused(change_password(user)) == "1"
    assert refused(send(user, method, f"/api{path}", body | {"current_password": "a guess"})) == "1"
    assert len(services.users.calls) == 5
    services.users.on(method, path, problem(403))
    assert send(user, method, f"/api{path}", body).status_code == 403  # without the password it is no guess


def test_only_what_holds_the_current_password_takes_a_place_among_those_that_are_hashed(
    user: Client, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    lanes: list[str] = []
    call = MonitoredUpstream.call

    def spy(lane: MonitoredUpstream, *arguments: Any, **options: Any) -> Any:
        lanes.append(lane.circuit.name)
        return call(lane, *arguments, **options)

    monkeypatch.setattr(MonitoredUpstream, "call", spy)
    services.users.on("PATCH", "/users/me/", answer(200, USER))
    for body in ({"first_name": "Ada"}, {"email": "a@example.com", "current_password": "old-harbour-8"}):
        assert send(user, "PATCH", "/api/users/me/", body).status_code == 200
    services.users.on("DELETE", f"/users/{OTHER_ID}/", answer(204))
    assert send(user, "DELETE", f"/api/users/{OTHER_ID}/").status_code == 204
    assert services.users.last_body == {}
    assert lanes == ["users/accounts", "users/credentials", "users/accounts"]


def test_a_form_without_a_new_email_leaves_the_password_out(begin_session: BeginSession, services: Services) -> None:
    client = browser(begin_session()[1])
    services.users.on("GET", "/users/me/", answer(200, USER))
    services.users.on("PUT", "/users/me/", answer(200, USER))
    shown = read(client.get("/api/users/me/", headers=HTML))
    assert {field.attributes["type"] for field in shown.all("input", name="current_password")} == {"password"}
    token = shown.all("input", name="csrfmiddlewaretoken")[0].attributes["value"]
    form = {"username": "ada", "email": USER["email"], "current_password": ""}
    response = client.post("/api/users/me/", form | {"_method": "PUT", "csrfmiddlewaretoken": token}, headers=HTML)
    assert response.status_code == 303
    assert "current_password" not in services.users.last_body
