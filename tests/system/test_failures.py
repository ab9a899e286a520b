"""Processes that die, hang and come back, while the others keep answering."""

import time
from collections import Counter
from functools import partial
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest
import requests

from tests.system.client import Client, done, problem, succeeded
from tests.system.plaza import System, eventually
from tests.system.shop import (
    at_once,
    held_quantity,
    insist,
    ledger_sum,
    make_product,
    place_order,
    send_order,
    stock_of,
)

HANG_S = 5  # beyond any deadline: only tells a hang from an answer
AT_ONCE_S = 1.5  # on a busy machine; less than anyone waits for a service that hangs


@pytest.fixture(scope="module")
def seller(fragile: System) -> Client:
    return fragile.staff()


@pytest.fixture(scope="module")
def buyer(fragile: System) -> Client:
    return fragile.customer()


@pytest.fixture(autouse=True)
def _healed(fragile: System, buyer: Client) -> None:
    """Every service answers, and every circuit has closed again."""
    fragile.wait_until_healthy()
    for path in ("/api/users/me/", "/api/products/", "/api/orders/"):
        eventually(partial(is_answered, buyer, path))


def is_answered(client: Client, path: str) -> bool:
    return client.get(path).status_code == 200


def look(client: Client) -> requests.Response:
    """At the catalogue, in a way that no cache has an answer to."""
    return client.get(f"/api/products/?search={uuid4()}")


def order_status(client: Client, order: dict[str, Any]) -> str:
    status: str = succeeded(client.get(f"/api/orders/{order['id']}/"))["status"]
    return status


def seconds(response: requests.Response) -> float:
    return response.elapsed.total_seconds()


def test_a_dead_products_service_costs_the_catalogue_and_nothing_else(
    fragile: System, buyer: Client, seller: Client
) -> None:
    product = make_product(seller)
    earlier = place_order(buyer, product, 1)
    gone = recently_read(buyer, make_product(seller))
    done(seller.delete(path_of(gone)))
    known = recently_read(buyer, product)

    with fragile.dead("products"):
        opens_its_circuit(buyer)
        is_shown_as_it_was(buyer, known)
        problem(buyer.get(path_of(gone)), 503, "circuit-open")
        assert succeeded(buyer.get("/api/users/me/")) == buyer.user
        assert order_status(buyer, earlier) == "confirmed"
        pending = succeeded(send_order(buyer, product, 2, key="while-dead"), 202)
        assert (pending["status"], pending["total"], pending["currency"]) == ("pending", None, None)
        replayed = send_order(buyer, product, 2, key="while-dead")
        assert succeeded(replayed, 202)["id"] == pending["id"]
        assert replayed.headers["Idempotent-Replayed"] == "true"
        assert succeeded(seller.get("/health/ready")) == {"status": "degraded", "out": ["products"]}
    eventually(lambda: order_status(buyer, pending) == "confirmed")
    eventually(lambda: look(buyer).status_code == 200)
    assert stock_of(buyer, product) == 10 - 1 - 2
    moves = [(move["upstream"], move["new"]) for move in succeeded(seller.get("/api/status/"))["transitions"]]
    assert {("products", "open"), ("products", "half-open"), ("products", "closed")} <= set(moves)


def opens_its_circuit(buyer: Client) -> None:
    first = look(buyer)
    problem(first, 502, "upstream-unreachable")
    assert first.headers["Proxy-Status"] == "plaza; error=connection_refused"
    eventually(lambda: look(buyer).status_code == 503)
    opened = look(buyer)
    problem(opened, 503, "circuit-open")
    assert 1 <= int(opened.headers["Retry-After"]) <= 5
    assert opened.headers["Proxy-Status"] == "plaza; error=destination_unavailable"
    assert seconds(opened) < AT_ONCE_S


def is_shown_as_it_was(buyer: Client, known: dict[str, Any]) -> None:
    """RFC 5861 and RFC 9211; for its first second it is simply fresh."""
    eventually(lambda: int(buyer.get(path_of(known)).headers["Age"]) >= 1)
    stale = buyer.get(path_of(known))
    assert succeeded(stale) == known
    assert stale.headers["Cache-Status"] == "plaza; hit; detail=stale-if-error"


def recently_read(client: Client, product: dict[str, Any]) -> dict[str, Any]:
    read: dict[str, Any] = succeeded(client.get(path_of(product)))
    return read


def path_of(product: dict[str, Any]) -> str:
    return f"/api/products/{product['id']}/"


def test_a_frozen_products_service_is_given_up_in_time_while_the_others_answer(
    fragile: System, buyer: Client, seller: Client
) -> None:
    product = make_product(seller)

    with fragile.frozen("products"):
        calls = [partial(look, buyer)] * 12 + [partial(send_order, buyer, product, key="while-frozen")]
        hanging = Thread(target=lambda: answers.extend(at_once(calls)))
        answers: list[requests.Response] = []
        hanging.start()
        time.sleep(0.3)  # all of them are on their way
        others = at_once([partial(buyer.get, path) for path in ("/api/users/me/", "/api/orders/", "/api/")])
        hanging.join()
    assert [answer.status_code for answer in others] == [200, 200, 200]
    assert max(map(seconds, others)) < AT_ONCE_S
    *looks, order = answers
    assert max(map(seconds, answers)) < HANG_S
    statuses = Counter((answer.status_code, answer.json()["type"]) for answer in looks)
    assert set(statuses) <= {
        (504, "/problems/upstream-timeout"),
        (503, "/problems/bulkhead-full"),
        (503, "/problems/circuit-open"),
    }
    assert statuses[(504, "/problems/upstream-timeout")] >= 5
    assert succeeded(order, 202)["status"] == "pending"
    eventually(lambda: order_status(buyer, order.json()) == "confirmed")
    eventually(lambda: look(buyer).status_code == 200)
    assert stock_of(buyer, product) == 10 - 1


def test_a_dead_users_service_costs_nobody_a_sign_in(fragile: System, buyer: Client) -> None:
    refresh = buyer.refresh

    with fragile.dead("users"):
        for _ in range(7):  # past the opening of the circuit
            problem_in(buyer.renew(), {(503, "upstream-unreachable"), (503, "circuit-open")})
        sign_in = fragile.client().post("/api/auth/token/", {"username": "admin", "password": "whatever"})
        problem_in(sign_in, {(503, "circuit-open")})
        succeeded(look(buyer))
        succeeded(buyer.get("/api/orders/"))
    assert buyer.refresh == refresh
    eventually(lambda: buyer.renew().status_code == 200)
    assert buyer.refresh != refresh
    assert succeeded(buyer.get("/api/users/me/")) == buyer.user


def problem_in(response: requests.Response, allowed: set[tuple[int, str]]) -> None:
    slug = response.json()["type"].removeprefix("/problems/")
    assert (response.status_code, slug) in allowed
    problem(response, response.status_code, slug)


def test_whatever_is_killed_is_started_again(fragile: System, buyer: Client, seller: Client) -> None:
    product = make_product(seller)
    before = {name: service["pid"] for name, service in fragile.services().items()}

    killed = at_once([partial(fragile.kill, name) for name in before])
    assert sorted(killed) == sorted(before.values())
    fragile.wait_until_healthy()
    after = {name: service["pid"] for name, service in fragile.services().items()}
    assert set(after) == {"gateway", "users", "products", "orders", "relay"}
    assert not set(before.values()) & set(after.values())
    assert len(set(after.values())) == 5
    assert place_order(buyer, product)["status"] == "confirmed"  # signed in as before


def test_orders_killed_amid_many_orders_loses_and_doubles_none(fragile: System, buyer: Client, seller: Client) -> None:
    product, keys = make_product(seller, stock=1000), [f"amid-{number}" for number in range(60)]
    placed: dict[str, str] = {}

    def place(key: str) -> None:
        response = insist(partial(send_order, buyer, product, 1 + len(key) % 3, key=key))
        placed[key] = succeeded(response, 201)["id"]

    orders = Thread(target=lambda: at_once([partial(place, key) for key in keys]))
    orders.start()
    eventually(lambda: len(placed) >= 5)
    fragile.kill("orders")
    orders.join()
    assert len(set(placed.values())) == len(keys) == len(placed)
    for key in keys:
        again = insist(partial(send_order, buyer, product, 1 + len(key) % 3, key=key))
        assert (succeeded(again, 201)["id"], again.headers["Idempotent-Replayed"]) == (placed[key], "true")
    made = [order["id"] for page in buyer.pages("/api/orders/?page_size=100") for order in page["results"]]
    assert Counter(made) & Counter(placed.values()) == Counter(placed.values())
    assert stock_of(seller, product) == ledger_sum(seller, product) - held_quantity(seller, product)
    assert held_quantity(seller, product) == sum(1 + len(key) % 3 for key in keys)


def test_two_systems_run_side_by_side_and_share_nothing(fragile: System, deceived: System, buyer: Client) -> None:
    systems = (fragile, deceived)

    here, there = ({service["pid"] for service in system.services().values()} for system in systems)
    assert len(here | there) == 10
    assert not set(fragile.processes()) & set(deceived.processes())
    foreign = deceived.client().get("/api/users/me/", headers={"Authorization": f"Bearer {buyer.access}"})
    problem(foreign, 401, "invalid-token")
    files = {path.relative_to(system.data_dir) for system in systems for path in system.data_dir.rglob("Data-base.db")}
    assert len(files) == 4
    for name in ("jwt-signing", "gateway-orders"):
        assert fragile.secret(name) != deceived.secret(name)
