"""The orders process is killed (-9) after each step of placing, confirming and cancelling. An audit shows no loss."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests

from operations.layout import ROOT
from tests.support.http import Client, succeeded
from tests.support.plaza import WITHOUT_THROTTLES, Plaza, eventually, free_ports
from tests.system.shop import make_product, send_order, send_until_decided, stock_of

pytestmark = pytest.mark.long

PLACING = (
    "placing, before the commit",
    "placing, after the commit",
    "placing, before the call",
    "placing, after the call",
    "confirming, before the commit",
    "confirming, after the commit",
)
CANCELLING = (
    "cancelling, before the commit",
    "cancelling, after the commit",
    "cancelling, before the call",
    "cancelling, after the call",
    "cancelling, after the answer is kept",
)


class Shop:
    """A Plaza whose gateway calls an orders process that the test starts, on the Plaza's own database."""

    def __init__(self, data_dir: Path) -> None:
        self.plaza = Plaza(data_dir, **WITHOUT_THROTTLES)
        self.port = free_ports()
        self.plaza.environment["ORDERS_URL"] = f"http://127.0.0.1:{self.port}"

    @contextmanager
    def orders(self, crash_at: str = "") -> Iterator["subprocess.Popen[bytes]"]:
        environment = {
            **self.plaza.environment,
            "PLAZA_DATA_DIR": str(self.plaza.data_dir),
            "PRODUCTS_URL": self.plaza.url("products"),
            "CRASH_AT": crash_at,
        }
        command = [sys.executable, str(ROOT / "tests/system/crashing_orders.py"), str(self.port)]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True)
        try:
            eventually(self.is_ready)
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def is_ready(self) -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{self.port}/health/ready", timeout=2).status_code == 200
        except requests.ConnectionError:
            return False

    def audit(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.plaza.run("audit", "--json", "--pause", "0.2").stdout)
        return found


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    shop = Shop(tmp_path_factory.mktemp("crashes") / "data")
    shop.plaza.up("--no-demo")
    try:
        yield shop
    finally:
        shop.plaza.down()


@pytest.fixture(scope="module")
def buyer(shop: Shop) -> Client:
    return shop.plaza.customer()


@pytest.fixture
def product(shop: Shop) -> dict[str, Any]:
    return make_product(shop.plaza.staff())


def assert_settles(shop: Shop) -> None:
    eventually(lambda: shop.audit()["unsettled"] == 0, timeout_s=120)
    assert shop.audit()["differences"] == []


@pytest.mark.parametrize("point", PLACING)
def test_an_order_survives_a_crash(point: str, shop: Shop, buyer: Client, product: dict[str, Any]) -> None:
    key = str(uuid4())
    with shop.orders(crash_at=point) as process:
        assert send_order(buyer, product, 2, key=key).status_code in (502, 503, 504)
        assert process.wait(10) == -signal.SIGKILL
    with shop.orders():
        order = succeeded(send_until_decided(lambda: send_order(buyer, product, 2, key=key)), 201)
        assert_settles(shop)
        assert order["status"] == "confirmed"
        mine = succeeded(buyer.get("/api/orders/?page_size=100"))["results"]
        assert [row["id"] for row in mine if row["items"][0]["product_id"] == product["id"]] == [order["id"]]
    assert stock_of(buyer, product) == 10 - 2


@pytest.mark.parametrize("point", CANCELLING)
def test_a_cancellation_survives_a_crash(point: str, shop: Shop, buyer: Client, product: dict[str, Any]) -> None:
    with shop.orders():
        order = succeeded(send_until_decided(lambda: send_order(buyer, product, 2, key=str(uuid4()))), 201)
    path = f"/api/orders/{order['id']}/"
    with shop.orders(crash_at=point) as process:
        eventually(lambda: buyer.post(f"{path}cancel/").status_code in (502, 504) or process.poll() is not None)
        assert process.wait(10) == -signal.SIGKILL
    with shop.orders():
        # The order was cancelled or not. The customer got no answer and tries again.
        eventually(lambda: buyer.post(f"{path}cancel/").status_code in (200, 409))
        assert_settles(shop)
        assert succeeded(buyer.get(path))["status"] == "cancelled"
    assert stock_of(buyer, product) == 10
