"""Strangers guess passwords against a running shop: how far they get, and that its customers go on.

The tests play a proxy, so that each request can come from an address of its own.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial
from uuid import uuid4

import pytest
import requests

from tests.support.http import Client, assert_no_content, problem, succeeded
from tests.support.plaza import ADMIN_PASSWORD, CUSTOMER_PASSWORD, Plaza
from tests.support.threads import at_once

HOME, CAFE, ELSEWHERE = "192.0.2.7", "198.51.100.1", "203.0.113.9"
TOKEN = "/api/auth/token/"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plaza]:
    """With the throttles that a shop has by default, but for its customers' and each address's requests."""
    without = {"THROTTLE_USER": "0", "THROTTLE_ADDRESS": "0"}
    plaza = Plaza(tmp_path_factory.mktemp("guessing") / "data", TRUSTED_PROXIES="127.0.0.0/8", **without)
    try:
        plaza.up()
        yield plaza
    finally:
        plaza.down()


@pytest.fixture
def owner(shop: Plaza) -> Client:
    """A customer who has signed in as a program, at home."""
    client = shop.client()
    client.user = client.register(f"owner-{uuid4().hex[:8]}", CUSTOMER_PASSWORD)
    client.access = succeeded(sign_in(client, client.user["username"], CUSTOMER_PASSWORD, HOME))["access"]
    return client


def sign_in(client: Client, username: str, password: str, address: str, **headers: str) -> requests.Response:
    body = {"username": username, "password": password}
    return client.post(TOKEN, body, headers={"X-Forwarded-For": address, "Authorization": "", **headers})


def guess(shop: Plaza, username: str, address: str) -> int:
    with requests.Session() as session:
        session.trust_env = False
        answer = session.post(
            shop.url() + TOKEN,
            json={"username": username, "password": "not-the-password"},
            headers={"X-Forwarded-For": address},
            timeout=20,
        )
    return answer.status_code


def browser_signs_in(shop: Plaza, session: requests.Session, username: str, address: str) -> requests.Response:
    """By the form of the sign-in page. 302 when it succeeded."""
    session.trust_env = False
    session.headers["X-Forwarded-For"] = address
    page = session.get(shop.url() + "/login/", timeout=20)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert token
    form = {"username": username, "password": CUSTOMER_PASSWORD, "csrfmiddlewaretoken": token[1]}
    return session.post(shop.url() + "/login/", data=form, timeout=20, allow_redirects=False)


@pytest.mark.parametrize("name", ["owner", "admin"])
def test_a_stranger_locks_nobody_out(shop: Plaza, owner: Client, name: str) -> None:
    username, password = (owner.user["username"], CUSTOMER_PASSWORD) if name == "owner" else ("admin", ADMIN_PASSWORD)
    address = CAFE if name == "owner" else ELSEWHERE
    assert [guess(shop, username, address) for _ in range(11)] == [401] * 5 + [429] * 6
    assert "Retry-After" in sign_in(shop.client(), username, password, address).headers
    succeeded(sign_in(shop.client(), username, password, HOME))


@pytest.mark.parametrize(
    "spellings",
    [
        [f"10.0.0.7:{port}" for port in range(40_000, 40_010)],
        ["10.0.0.8", "::ffff:10.0.0.8", "[::ffff:10.0.0.8]:443", "::FFFF:a00:8", ",10.0.0.8 ,", "10.0.0.8:1"],
        [f"2001:db8::{suffix}" for suffix in range(10)],
        ["unknown", "", "_hidden", "a:b:c", "10.0.0", "::g", "x" * 200],
        [f"10.9.9.{number}, 10.0.0.9" for number in range(10)],
    ],
    ids=["ports", "spellings of one address", "one IPv6 network", "no addresses", "hops that the client invents"],
)
def test_no_way_to_write_an_address_makes_one_guesser_many(shop: Plaza, owner: Client, spellings: list[str]) -> None:
    statuses = [guess(shop, owner.user["username"], address) for address in spellings]
    assert statuses == [401] * 5 + [429] * (len(spellings) - 5)


def verdict_on(attempt: Callable[[], int]) -> int:
    """On a busy machine a guess may find no place in time. That is no verdict, so it is made again."""
    while (status := attempt()) in (503, 504):
        pass
    return status


def test_many_strangers_keep_out_nobody_who_has_signed_in_before(shop: Plaza, owner: Client) -> None:
    username = owner.user["username"]
    with requests.Session() as browser:
        assert browser_signs_in(shop, browser, username, HOME).status_code == 302
        bystander = shop.customer()
        guesses = [
            lambda address=f"10.1.{number % 4}.{number}": guess(shop, username, address) for number in range(130)
        ]
        statuses: list[int] = []
        for start in range(0, len(guesses), 10):
            statuses += at_once([partial(verdict_on, each) for each in guesses[start : start + 10]])
            assert succeeded(bystander.get("/api/users/me/"))["id"] == bystander.user["id"]
        assert statuses.count(401) == 100
        assert statuses.count(429) == 30
        stranger = sign_in(shop.client(), username, CUSTOMER_PASSWORD, ELSEWHERE)
        problem(stranger, 429, "throttled")
        assert 3000 < int(stranger.headers["Retry-After"]) <= 3600
        # The browser is known in another place too, the program at its usual address, or by its last token.
        assert browser_signs_in(shop, browser, username, CAFE).status_code == 302
        succeeded(sign_in(shop.client(), username, CUSTOMER_PASSWORD, HOME))
        succeeded(sign_in(owner, username, CUSTOMER_PASSWORD, ELSEWHERE, Authorization=f"Bearer {owner.access}"))


def test_a_stolen_session_cannot_guess_the_password(shop: Plaza) -> None:
    customer = shop.customer()
    path, change = "/api/users/me/password/", {"current_password": "a-guess", "new_password": "copper-meadow-in-may"}
    answers = [customer.post(path, change) for _ in range(60)]
    statuses = [answer.status_code for answer in answers]
    assert statuses[:6] == [400] * 5 + [429]
    assert statuses.count(400) <= 9  # after pauses of 1, 2, 4 and 8 seconds on a slow machine
    (error,) = problem(answers[0], 400, "invalid")["errors"]
    assert (error["pointer"], error["code"]) == ("/current_password", "wrong-password")
    assert int(answers[-1].headers["Retry-After"]) >= 1
    owner = shop.client().signed_in(customer.user["username"], CUSTOMER_PASSWORD)
    assert_no_content(owner.post(path, {**change, "current_password": CUSTOMER_PASSWORD}))
    problem(customer.get("/api/users/me/"), 401, "session-ended")


@pytest.mark.long
def test_no_number_of_searches_makes_a_guesser_forgotten(shop: Plaza, owner: Client) -> None:
    username, customer = owner.user["username"], shop.customer()
    assert [guess(shop, username, CAFE) for _ in range(6)] == [401] * 5 + [429]
    refused = 0

    def search(first: int) -> set[int]:
        answers = (customer.get(f"/api/products/?search=x{number}") for number in range(first, first + 340))
        return {answer.status_code for answer in answers}

    assert set().union(*at_once([lambda first=first: search(first) for first in range(0, 5_440, 340)])) == {200}
    for _ in range(20):
        refused += guess(shop, username, CAFE) == 429
    assert refused == 19
