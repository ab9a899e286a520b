"""`backup` under traffic and `restore` elsewhere: the restored shop settles what was in flight, and audits clean."""

import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import requests

from experiments.databases import fresh_databases
from operations.test import postgres_url
from tests.support.http import Client, succeeded
from tests.support.plaza import WITHOUT_THROTTLES, Plaza, eventually
from tests.system.shop import make_product, order_body, stock_of

SERVER = postgres_url()
BUYERS = 4

pytestmark = pytest.mark.parametrize(
    "engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)], scope="module"
)


@pytest.fixture(scope="module")
def make_plaza(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Makes Plazas with a place of their own, which nothing is in yet."""
    with ExitStack() as stack:

        def make() -> Plaza:
            urls = stack.enter_context(fresh_databases(SERVER)) if engine == "postgresql" else {}
            return Plaza(tmp_path_factory.mktemp("kept") / "data", **WITHOUT_THROTTLES, **urls)

        yield make


@pytest.fixture(scope="module")
def shop(make_plaza: Any) -> Iterator[Plaza]:
    plaza = make_plaza()
    plaza.up("--no-demo")
    try:
        yield plaza
    finally:
        plaza.down()


class Traffic:
    """Customers who order and cancel without pause, each answer counted by its status."""

    def __init__(self, shop: Plaza) -> None:
        self.product = make_product(shop.staff(), stock=100_000)
        self.answers: Counter[int] = Counter()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._buy, args=(shop.customer(),)) for _ in range(BUYERS)]

    @contextmanager
    def going_on(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            eventually(lambda: self.answers[201] > 2 * BUYERS)
            yield
        finally:
            self._over.set()
            for thread in self._threads:
                thread.join()

    def _buy(self, customer: Client) -> None:
        while not self._over.is_set():
            try:
                placed = customer.post("/api/orders/", order_body(self.product))
                self.answers[placed.status_code] += 1
                customer.post(f"/api/orders/{placed.json()['id']}/cancel/")
            except (requests.RequestException, KeyError):
                self.answers[0] += 1


def audit(plaza: Plaza) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(plaza.run("audit", "--json", "--pause", "1").stdout)
    return report


def test_a_backup_under_traffic_is_restored_and_audits_clean(shop: Plaza, make_plaza: Any, tmp_path: Path) -> None:
    traffic, customer = Traffic(shop), shop.customer()
    kept = tmp_path / "kept"
    with traffic.going_on():
        for _ in range(2):
            before = traffic.answers[201]
            finished = shop.run("backup", str(kept), "--keep", "1")
            assert finished.returncode == 0, finished.stdout + finished.stderr
            eventually(lambda before=before: traffic.answers[201] > before)
            time.sleep(1)  # a name has the second in it
    assert set(traffic.answers) == {201}
    assert len(list(kept.iterdir())) == 1

    restored = make_plaza()
    finished = restored.run("restore", str(kept))
    assert finished.returncode == 0, finished.stdout + finished.stderr
    restored.up("--no-demo")
    try:
        eventually(lambda: audit(restored)["unsettled"] == 0)
        report = audit(restored)
        assert report["differences"] == []
        assert report["orders"] == report["reservations"] > 2 * BUYERS
        again = restored.client()  # the same sign-in goes on, and nobody has a new password
        again.refresh, again.access = customer.refresh, customer.access
        assert succeeded(again.get("/api/users/me/")) == customer.user
        assert again.renew().status_code == 200
        assert 0 < stock_of(restored.staff(), traffic.product) <= 100_000
    finally:
        restored.down()


def test_a_backup_is_private(shop: Plaza, tmp_path: Path) -> None:
    assert shop.run("backup", str(tmp_path / "kept")).returncode == 0
    modes = {
        (path.is_dir(), stat.S_IMODE(path.stat().st_mode))
        for path in (tmp_path / "kept", *(tmp_path / "kept").rglob("*"))
    }
    assert modes == {(True, 0o700), (False, 0o600)}


def test_a_backup_that_is_killed_leaves_the_last_good_one_and_the_next_one_cleans_up(
    shop: Plaza, tmp_path: Path
) -> None:
    place = tmp_path / "kept"
    assert shop.run("backup", str(place)).returncode == 0
    good, good_one = (place / "manifest.json").read_text(), place.stat().st_ino
    with orders_locked(shop):
        killed = subprocess.Popen(shop.command("backup", str(place)), env=shop.environment, stderr=subprocess.DEVNULL)
        eventually(lambda: list(tmp_path.glob(".plaza-backup-*")))
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
    assert len(list(tmp_path.glob(".plaza-backup-*"))) == 1
    assert (place / "manifest.json").read_text() == good

    assert shop.run("backup", str(place)).returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert place.stat().st_ino != good_one


def test_only_a_whole_backup_goes_into_an_empty_place_that_nobody_runs_in(
    shop: Plaza, make_plaza: Any, engine: str, tmp_path: Path
) -> None:
    place = tmp_path / "kept"
    assert shop.run("backup", str(place)).returncode == 0
    assert "Plaza runs in" in refusal(shop, place)
    empty = make_plaza()
    assert "no backup, or not a complete one" in refusal(empty, tmp_path)
    manifest = json.loads((place / "manifest.json").read_text())
    (place / "manifest.json").write_text(json.dumps({**manifest, "version": "999.0"}))
    assert "was made by Plaza 999.0" in refusal(empty, place)
    newer = {**manifest, "databases": json.loads(json.dumps(manifest["databases"]))}
    newer["databases"]["orders"]["migrations"].append("orders.9999_later")
    (place / "manifest.json").write_text(json.dumps(newer))
    assert "tables of a newer Plaza (orders: orders.9999_later)" in refusal(empty, place)
    (place / "manifest.json").write_text(json.dumps(manifest))
    with (place / manifest["databases"]["orders"]["file"]).open("r+b") as file:
        file.seek(5000)
        byte = file.read(1)
        file.seek(5000)
        file.write(bytes([byte[0] ^ 1]))
    assert "its checksum differs" in refusal(empty, place)
    with (place / manifest["databases"]["orders"]["file"]).open("r+b") as file:
        file.seek(5000)
        file.write(byte)
    assert empty.run("restore", str(place)).returncode == 0
    assert f"there is {empty.data_dir}" in refusal(empty, place)
    if engine == "postgresql":
        shutil.rmtree(empty.data_dir / "secrets")
        assert "has tables" in refusal(empty, place)


def refusal(plaza: Plaza, place: Path) -> str:
    finished = plaza.run("restore", str(place))
    assert finished.returncode == 1, finished.stdout + finished.stderr
    assert "Traceback" not in finished.stderr
    return finished.stderr


def test_an_interrupted_restore_is_repeated_and_not_started_before(
    shop: Plaza, make_plaza: Any, tmp_path: Path
) -> None:
    place = tmp_path / "kept"
    assert shop.run("backup", str(place)).returncode == 0
    empty = make_plaza()
    with products_unwritable(empty):
        assert "products" in refusal(empty, place)
    starting = empty.run("up", "--detach", "--port", str(empty.port))
    assert (starting.returncode, "was interrupted; repeat it" in starting.stderr) == (1, True)
    assert empty.run("restore", str(place)).returncode == 0
    assert not list(empty.data_dir.rglob("*.restored"))
    assert {path.name for path in (empty.data_dir / "secrets").iterdir()} == {
        path.name for path in (shop.data_dir / "secrets").iterdir()
    }


@contextmanager
def orders_locked(plaza: Plaza) -> Iterator[None]:
    """Inside the block, a transaction that writes orders doesn't end."""
    if url := plaza.environment.get("ORDERS_DATABASE_URL"):
        with psycopg.connect(url) as writer:
            writer.execute("LOCK TABLE orders_order IN ROW EXCLUSIVE MODE")
            yield
        return
    path = plaza.data_dir / "orders_project/Data-base.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def products_unwritable(plaza: Plaza) -> Iterator[None]:
    """Inside the block, the place for the database of products takes nothing."""
    if url := plaza.environment.get("PRODUCTS_DATABASE_URL"):
        name = urlsplit(url).path.removeprefix("/")
        with psycopg.connect(SERVER, autocommit=True) as server:
            server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on".encode())
            yield
            server.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only".encode())
        return
    in_the_way = plaza.data_dir / "products_project/Data-base.db.restored"
    (in_the_way / "something").mkdir(parents=True)
    yield
    (in_the_way / "something").rmdir()
    in_the_way.rmdir()
