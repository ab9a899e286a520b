"""Two gateway processes that share their state through Redis, and go on without it."""

import os
import random
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import redis
import requests

from experiments.chaos.proxy import FaultProxy
from tests.support.http import Client, assert_no_content, problem, succeeded
from tests.support.plaza import CUSTOMER_PASSWORD, Plaza, eventually
from tests.system.shop import make_product, place_order, stock_of

pytestmark = pytest.mark.redis

SERVER = urlsplit(os.environ.get("PLAZA_TEST_REDIS") or "redis://127.0.0.1:6379/15")
EACH_ANEW = {"Connection": "close"}  # so that either process may answer
FREE_FAILURES, FIRST_PAUSE_S = 5, 1.0  # then the account has to wait


@pytest.fixture(scope="module")
def way() -> Iterator[FaultProxy]:
    """The connection to Redis, which a test can break."""
    with redis.Redis.from_url(SERVER.geturl()) as server:
        server.flushdb()
    proxy = FaultProxy(SERVER.port or 6379, random.Random(1))
    yield proxy
    proxy.close()


@pytest.fixture(scope="module")
def pair(way: FaultProxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plaza]:
    url = SERVER._replace(netloc=f"127.0.0.1:{way.port}").geturl()
    throttles = {f"THROTTLE_{scope}": "0" for scope in ("USER", "ADDRESS", "SIGN_IN_ADDRESS")}
    plaza = Plaza(tmp_path_factory.mktemp("redis") / "data", REDIS_URL=url, **throttles)
    try:
        plaza.up("--workers", "2")
        yield plaza
    finally:
        plaza.down()


@pytest.fixture(scope="module")
def seller(pair: Plaza) -> Client:
    return pair.staff()


@pytest.fixture(scope="module")
def buyer(pair: Plaza) -> Client:
    return pair.customer()


def ask_often(client: Client, path: str, times: int = 12) -> list[requests.Response]:
    return [client.get(path, headers=EACH_ANEW) for _ in range(times)]


def undisturbed(pair: Plaza, experiment: Callable[[], None], within_s: float = 60) -> None:
    """Make an experiment about what both processes share. One that failed is made again if the machine disturbed it.

    On a busy machine Redis may not answer within 50 ms, and a process goes on with its own memory for a second; or the
    experiment itself takes longer than `within_s`. What such a one found says nothing.
    """
    give_up_s = time.monotonic() + 120
    while True:
        outages, began_s = outages_of(pair), time.monotonic()
        try:
            return experiment()
        except AssertionError:
            is_undisturbed = outages_of(pair) == outages and time.monotonic() - began_s < within_s
            if is_undisturbed or time.monotonic() > give_up_s:
                raise
        eventually(lambda: outages_of(pair) == pair.log_text().count("Redis answers again"))


def outages_of(pair: Plaza) -> int:
    return pair.log_text().count("Redis fails")


def test_both_processes_answer(pair: Plaza) -> None:
    def booted() -> int:
        return sum(str(line["event"]).startswith("Booting worker") for line in pair.logs("gateway"))

    eventually(lambda: booted() == 2)  # the shop is up as soon as one of them answers


def test_the_status_page_shows_both(seller: Client) -> None:
    def processes() -> set[str]:
        (answer,) = ask_often(seller, "/api/status/", times=1)
        return {report["process"] for report in succeeded(answer)["processes"]}

    eventually(lambda: len(processes()) == 2)
    assert succeeded(seller.get("/api/status/"))["shared"] == "redis"


def test_failures_to_sign_in_are_counted_together(pair: Plaza) -> None:
    nobody = pair.client()

    def guess_until_the_first_pause() -> None:
        guess = {"username": f"guessed-{uuid4().hex[:8]}", "password": "not-the-password"}
        for _ in range(FREE_FAILURES):
            problem(nobody.post("/api/auth/token/", guess, headers=EACH_ANEW), 401, "invalid-credentials")
        problem(nobody.post("/api/auth/token/", guess, headers=EACH_ANEW), 429, "throttled")

    undisturbed(pair, guess_until_the_first_pause, FIRST_PAUSE_S)


def test_an_ended_session_has_ended_for_both(pair: Plaza) -> None:
    path = "/api/users/me/"

    def end_a_session() -> None:
        customer = pair.customer()
        assert {answer.status_code for answer in ask_often(customer, path)} == {200}
        assert_no_content(customer.post("/api/auth/logout/", {"refresh": customer.refresh}))
        eventually(lambda: {answer.status_code for answer in ask_often(customer, path)} == {401})
        for answer in ask_often(customer, path):
            problem(answer, 401, "session-ended")

    undisturbed(pair, end_a_session)


def test_both_processes_show_the_stock_after_a_sale(pair: Plaza, buyer: Client, seller: Client) -> None:
    def sell_ten() -> None:
        product = make_product(seller, stock=20)
        path = f"/api/products/{product['id']}/"
        for left in range(19, 9, -1):
            place_order(buyer, product)
            assert {succeeded(answer)["stock"] for answer in ask_often(buyer, path, times=4)} == {left}

    undisturbed(pair, sell_ten)


@pytest.mark.parametrize("fault", ["hung", "broken off"])
def test_the_shop_works_without_redis(pair: Plaza, way: FaultProxy, buyer: Client, seller: Client, fault: str) -> None:
    product = make_product(seller)
    path, outages = f"/api/products/{product['id']}/", pair.log_text().count("Redis answers again")

    way.delay_s, way.cut_chance = (10.0, 0.0) if fault == "hung" else (0.0, 1.0)
    try:
        started_s = time.monotonic()
        answers = ask_often(buyer, path)
        assert {answer.status_code for answer in answers} == {200}
        assert time.monotonic() - started_s < 60  # had each of the 12 waited for Redis, 120
        place_order(buyer, product)
        pair.client().signed_in(buyer.user["username"], CUSTOMER_PASSWORD)
    finally:
        way.delay_s, way.cut_chance = 0.0, 0.0
    assert any(line["event"].startswith("Redis fails") for line in pair.logs("gateway"))
    eventually(lambda: ask_often(buyer, path) and pair.log_text().count("Redis answers again") > outages)
    eventually(lambda: stock_of(buyer, product) == 9)  # a cached answer lives for a second
