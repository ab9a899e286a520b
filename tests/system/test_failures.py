"""Services that die, hang or have a bad network: nobody else notices, and no order is lost or doubled."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest
import requests

from experiments.chaos.proxy import FaultProxy
from operations.layout import SERVERS, SERVICES
from tests.support.http import Client, assert_no_content, problem, succeeded
from tests.support.plaza import WITHOUT_THROTTLES, Plaza, eventually
from tests.support.threads import at_once
from tests.system.shop import (
    held_quantity,
    ledger_sum,
    make_product,
    place_order,
    search_uncached,
    send_order,
    send_until_decided,
    stock_of,
)

HANG_S = 30  # longer than any deadline, on any machine: an answer that takes longer hangs
MORE_THAN_THE_BULKHEAD = 20


@pytest.fixture(scope="module")
def seller(fragile: Plaza) -> Client:
    return fragile.staff()


@pytest.fixture(scope="module")
def customer_of_fragile(fragile: Plaza) -> Client:
    return fragile.customer()


@pytest.fixture
def buyer(fragile: Plaza, customer_of_fragile: Client) -> Client:
    """A customer of the fragile Plaza, after all its services answer again and all circuits have closed."""
    fragile.wait_until_healthy()
    wait_until_recovered(customer_of_fragile)
    return customer_of_fragile


def wait_until_recovered(client: Client) -> None:
    """Every lane that a test here breaks lets calls through again; what a cache answers says nothing about that."""
    eventually(lambda: search_uncached(client).status_code == 200)
    for path in ("/api/users/me/", "/api/products/?max_price={number}", "/api/orders/"):
        eventually(partial(is_answered, client, path))


def is_answered(client: Client, path: str) -> bool:
    return client.get(path.format(number=random.randrange(10**6))).status_code == 200


def order_status(client: Client, order: dict[str, Any]) -> str:
    status: str = succeeded(client.get(f"/api/orders/{order['id']}/"))["status"]
    return status


def seconds(response: requests.Response) -> float:
    return response.elapsed.total_seconds()


def test_a_dead_products_service_harms_the_catalogue_alone(fragile: Plaza, buyer: Client, seller: Client) -> None:
    product = make_product(seller)
    earlier = place_order(buyer, product, 1)
    gone = read(buyer, make_product(seller))
    assert_no_content(seller.delete(path_of(gone)))
    known = read(buyer, product)

    with fragile.dead("products"):
        assert_circuit_opens(buyer)
        assert_shown_from_the_cache(buyer, known)
        assert_one_of(buyer.get(path_of(gone)), {(502, "upstream-unreachable"), (503, "circuit-open")})
        assert succeeded(buyer.get("/api/users/me/")) == buyer.user
        assert order_status(buyer, earlier) == "confirmed"
        pending = succeeded(send_order(buyer, product, 2, key="while-dead"), 202)
        assert (pending["status"], pending["total"], pending["currency"]) == ("pending", None, None)
        replayed = send_order(buyer, product, 2, key="while-dead")
        assert succeeded(replayed, 202)["id"] == pending["id"]
        assert replayed.headers["Idempotent-Replayed"] == "true"
        assert succeeded(seller.get("/health/ready")) == {"status": "degraded", "out": ["products"]}
    eventually(lambda: order_status(buyer, pending) == "confirmed")
    wait_until_recovered(buyer)
    eventually(lambda: stock_of(buyer, product) == 10 - 1 - 2)  # until then it is shown as it was
    moves = [(move["upstream"], move["new"]) for move in succeeded(seller.get("/api/status/"))["transitions"]]
    assert {("products/search", state) for state in ("open", "half-open", "closed")} <= set(moves)


def assert_circuit_opens(buyer: Client) -> None:
    first = search_uncached(buyer)
    problem(first, 502, "upstream-unreachable")
    assert first.headers["Proxy-Status"] == "plaza; error=connection_refused"
    eventually(lambda: search_uncached(buyer).status_code == 503)
    opened = search_uncached(buyer)
    problem(opened, 503, "circuit-open")
    assert 1 <= int(opened.headers["Retry-After"]) <= 5
    assert opened.headers["Proxy-Status"] == "plaza; error=destination_unavailable"


def assert_shown_from_the_cache(buyer: Client, known: dict[str, Any]) -> None:
    """RFC 5861 and RFC 9211. In its first second the answer is fresh, and that is not the point here."""
    eventually(lambda: int(buyer.get(path_of(known)).headers["Age"]) >= 1)
    stale = buyer.get(path_of(known))
    assert succeeded(stale) == known
    assert stale.headers["Cache-Status"] == "plaza; hit; detail=stale-if-error"


def read(client: Client, product: dict[str, Any]) -> dict[str, Any]:
    answered: dict[str, Any] = succeeded(client.get(path_of(product)))
    return answered


def path_of(product: dict[str, Any]) -> str:
    return f"/api/products/{product['id']}/"


def test_what_needs_no_service_is_answered_while_its_lane_hangs(fragile: Plaza, buyer: Client, seller: Client) -> None:
    clients = [buyer, seller, fragile.customer(), fragile.customer()]
    with fragile.frozen("products"):
        lists = [partial(client.get, f"/api/products/?max_price={price}") for client in clients for price in range(8)]
        hanging = Thread(target=lambda: answers.extend(at_once(lists)))
        answers: list[requests.Response] = []
        hanging.start()
        time.sleep(0.3)  # until all places of the lane are taken
        wrong = buyer.get("/api/products/?max_price=cheap")
        hanging.join()
    problem(wrong, 400, "invalid")
    assert seconds(wrong) < max(map(seconds, answers))
    assert {answer.status_code for answer in answers} <= {503, 504}


def test_a_frozen_products_service_times_out_while_the_others_answer(
    fragile: Plaza, buyer: Client, seller: Client
) -> None:
    product = make_product(seller)

    with fragile.frozen("products"):
        calls = [partial(search_uncached, buyer)] * 12 + [partial(send_order, buyer, product, key="while-frozen")]
        hanging = Thread(target=lambda: answers.extend(at_once(calls)))
        answers: list[requests.Response] = []
        hanging.start()
        time.sleep(0.3)  # until all of them are waiting
        others = at_once([partial(buyer.get, path) for path in ("/api/users/me/", "/api/orders/", "/api/")])
        hanging.join()
    assert [answer.status_code for answer in others] == [200, 200, 200]
    assert max(map(seconds, others)) < max(map(seconds, answers))
    *searches, order = answers
    assert max(map(seconds, answers)) < HANG_S
    statuses = Counter((answer.status_code, answer.json()["type"]) for answer in searches)
    assert set(statuses) <= {
        (504, "/problems/upstream-timeout"),
        (503, "/problems/bulkhead-full"),
        (503, "/problems/overloaded"),
        (503, "/problems/circuit-open"),
    }
    assert statuses[(504, "/problems/upstream-timeout")] > 0  # how many, depends on when the circuit opens
    assert succeeded(order, 202)["status"] == "pending"
    eventually(lambda: order_status(buyer, order.json()) == "confirmed")
    wait_until_recovered(buyer)
    assert stock_of(buyer, product) == 10 - 1


def test_a_dead_users_service_ends_no_session(fragile: Plaza, buyer: Client) -> None:
    refresh = buyer.refresh

    with fragile.dead("users"):
        for _ in range(7):  # enough to open the circuit
            assert_one_of(buyer.renew(), {(503, "upstream-unreachable"), (503, "circuit-open")})
        sign_in = fragile.client().post("/api/auth/token/", {"username": "admin", "password": "whatever"})
        assert_one_of(sign_in, {(502, "upstream-unreachable"), (503, "circuit-open")})
        succeeded(search_uncached(buyer))
        succeeded(buyer.get("/api/orders/"))
    assert buyer.refresh == refresh
    eventually(lambda: buyer.renew().status_code == 200)
    assert buyer.refresh != refresh
    assert succeeded(buyer.get("/api/users/me/")) == buyer.user


def assert_one_of(response: requests.Response, allowed: set[tuple[int, str]]) -> None:
    slug = response.json()["type"].removeprefix("/problems/")
    assert (response.status_code, slug) in allowed
    problem(response, response.status_code, slug)


def test_every_killed_process_is_restarted(fragile: Plaza, buyer: Client, seller: Client) -> None:
    product = make_product(seller)
    before = {name: service["pid"] for name, service in fragile.services().items()}

    killed = at_once([partial(fragile.kill, name) for name in before])
    assert sorted(killed) == sorted(before.values())
    fragile.wait_until_healthy()
    after = {name: service["pid"] for name, service in fragile.services().items()}
    assert set(after) == {service.name for service in SERVICES}
    assert not set(before.values()) & set(after.values())
    assert len(set(after.values())) == len(SERVICES)
    assert place_order(buyer, product)["status"] == "confirmed"  # signed in as before


def test_no_order_is_lost_or_doubled_when_the_service_is_killed(fragile: Plaza, buyer: Client, seller: Client) -> None:
    product, keys = make_product(seller, stock=1000), [f"killed-{number}" for number in range(60)]
    placed: dict[str, str] = {}

    def place(key: str) -> None:
        response = send_until_decided(partial(send_order, buyer, product, 1 + len(key) % 3, key=key))
        placed[key] = succeeded(response, 201)["id"]

    orders = Thread(target=lambda: at_once([partial(place, key) for key in keys]))
    orders.start()
    eventually(lambda: len(placed) >= 5)
    fragile.kill("orders")
    orders.join()
    assert len(set(placed.values())) == len(keys) == len(placed)
    for key in keys:
        again = send_until_decided(partial(send_order, buyer, product, 1 + len(key) % 3, key=key))
        assert (succeeded(again, 201)["id"], again.headers["Idempotent-Replayed"]) == (placed[key], "true")
    made = [order["id"] for page in buyer.pages("/api/orders/?page_size=100") for order in page["results"]]
    assert Counter(made) & Counter(placed.values()) == Counter(placed.values())
    assert stock_of(seller, product) == ledger_sum(seller, product) - held_quantity(seller, product)
    assert held_quantity(seller, product) == sum(1 + len(key) % 3 for key in keys)


def test_two_plazas_run_side_by_side_and_share_nothing(fragile: Plaza, deceived: Plaza, buyer: Client) -> None:
    plazas = (fragile, deceived)

    here, there = ({service["pid"] for service in plaza.services().values()} for plaza in plazas)
    assert len(here | there) == 2 * len(SERVICES)
    assert not set(fragile.processes()) & set(deceived.processes())
    foreign = deceived.client().get("/api/users/me/", headers={"Authorization": f"Bearer {buyer.access}"})
    problem(foreign, 401, "invalid-token")
    files = {path.relative_to(plaza.data_dir) for plaza in plazas for path in plaza.data_dir.rglob("Data-base.db")}
    assert len(files) == len(SERVERS)
    for name in ("jwt-signing", "gateway-orders"):
        assert fragile.secret(name) != deceived.secret(name)


@pytest.fixture(scope="module")
def network_and_plaza(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FaultProxy, Plaza]]:
    """A Plaza that reaches products through a proxy, which can make the network between them bad."""
    plaza = Plaza(tmp_path_factory.mktemp("network") / "data", **WITHOUT_THROTTLES)
    network = FaultProxy(plaza.port + 2, random.Random(4))
    plaza.environment["PRODUCTS_URL"] = network.url
    plaza.up("--no-demo")
    try:
        yield network, plaza
    finally:
        plaza.down()
        network.close()


@pytest.fixture
def network(network_and_plaza: tuple[FaultProxy, Plaza]) -> Iterator[FaultProxy]:
    network, _ = network_and_plaza
    yield network
    heal(network)


@pytest.fixture
def remote_buyer(network_and_plaza: tuple[FaultProxy, Plaza], network: FaultProxy) -> Client:
    """A customer of the Plaza behind `network`, after the circuit of products has closed."""
    buyer = network_and_plaza[1].customer()
    wait_until_recovered(buyer)
    return buyer


@pytest.fixture
def remote_product(network_and_plaza: tuple[FaultProxy, Plaza], remote_buyer: Client) -> dict[str, Any]:
    return make_product(network_and_plaza[1].staff())


def heal(network: FaultProxy) -> None:
    network.drip_s = network.delay_s = network.cut_chance = 0.0


def under_load(buyer: Client) -> tuple[Counter[int], Counter[int]]:
    """The statuses of many searches at once, and those of requests to users and orders meanwhile."""
    searches: Counter[int] = Counter()
    others: Counter[int] = Counter()

    def search() -> None:
        response = search_uncached(buyer)
        assert seconds(response) < HANG_S
        assert response.headers["Content-Type"] == "application/problem+json"
        searches[response.status_code] += 1

    threads = [Thread(target=search) for _ in range(MORE_THAN_THE_BULKHEAD)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        for path in ("/api/users/me/", "/api/orders/"):
            others[buyer.get(path).status_code] += 1
    for thread in threads:
        thread.join()
    return searches, others


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"drip_s": 1.0}, {503, 504}),
        ({"delay_s": 4.0}, {503, 504}),
        ({"cut_chance": 1.0}, {502, 503}),
    ],
    ids=["dripping", "slow", "breaking off"],
)
def test_a_bad_network_to_products_harms_products_alone(
    fault: dict[str, float],
    expected: set[int],
    network: FaultProxy,
    remote_buyer: Client,
    remote_product: dict[str, Any],
) -> None:
    vars(network).update(fault)
    searches, others = under_load(remote_buyer)
    assert searches.total() == MORE_THAN_THE_BULKHEAD
    assert set(searches) <= expected
    assert set(others) == {200}
    order = succeeded(send_order(remote_buyer, remote_product, 2, key=str(uuid4())), 202)
    assert (order["status"], order["total"]) == ("pending", None)
    heal(network)
    eventually(lambda: order_status(remote_buyer, order) == "confirmed", timeout_s=120)
    wait_until_recovered(remote_buyer)
    assert stock_of(remote_buyer, remote_product) == 10 - 2
