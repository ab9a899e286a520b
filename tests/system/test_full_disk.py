"""A disk that takes nothing more: what is stored is still read, nothing is said to be broken, and it ends by itself."""

import contextlib
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.support.http import Client, problem, succeeded
from tests.support.plaza import ADMIN_PASSWORD, Plaza, eventually
from tests.system.shop import make_product, place_order, send_order

MORE_THAN_OPEN_A_CIRCUIT = 12


@pytest.fixture(scope="module")
def buyer(fragile: Plaza) -> Client:
    fragile.wait_until_healthy()
    return fragile.customer()


@pytest.fixture(scope="module")
def seller(fragile: Plaza) -> Client:
    return fragile.staff()


@contextlib.contextmanager
def files_without_room(plaza: Plaza, service: str) -> Iterator[None]:
    """Inside the block each write of the service to a file fails, as on a full disk; nobody must be root for that."""
    master = plaza.pid(service)
    pids = [pid for pid in plaza.processes() if os.getpgid(pid) == master]
    limits = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in pids}
    for pid, (_, hard) in limits.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, hard))
    try:
        yield
    finally:
        for pid, limit in limits.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limit)


def assert_storage(response: requests.Response) -> None:
    problem(response, 503, "storage")
    assert int(response.headers["Retry-After"]) >= 1


def readiness(plaza: Plaza, service: str) -> dict[str, str]:
    """Of a service that is ready, whatever else it says."""
    said: dict[str, str] = succeeded(plaza.client(service).get("/health/ready"))
    return said


def test_orders_that_cannot_be_written_can_be_read(fragile: Plaza, buyer: Client, seller: Client) -> None:
    product = make_product(seller)
    earlier = place_order(buyer, product, 1)

    with files_without_room(fragile, "orders"):
        for _ in range(MORE_THAN_OPEN_A_CIRCUIT):
            assert_storage(send_order(buyer, product, 1, key="while-full"))
        assert succeeded(buyer.get(f"/api/orders/{earlier['id']}/")) == earlier
        assert earlier in succeeded(buyer.get("/api/orders/"))["results"]
        assert readiness(fragile, "orders")["status"] == "degraded"
        assert fragile.services()["orders"]["healthy"]
        assert succeeded(seller.get("/health/ready"))["out"] == []
    assert succeeded(send_order(buyer, product, 1, key="while-full"), 201)["status"] == "confirmed"
    eventually(lambda: readiness(fragile, "orders") == {"status": "ok"})


def test_a_gateway_that_cannot_write_serves_who_is_signed_in(fragile: Plaza, buyer: Client) -> None:
    visitor = fragile.client()
    credentials = {"username": "admin", "password": ADMIN_PASSWORD}

    with files_without_room(fragile, "gateway"):
        assert_storage(visitor.post("/api/auth/token/", credentials))
        assert succeeded(buyer.get("/api/users/me/")) == buyer.user
        assert succeeded(visitor.get("/health/ready"))["status"] == "degraded"
    succeeded(visitor.post("/api/auth/token/", credentials))
    eventually(lambda: succeeded(visitor.get("/health/ready")) == {"status": "ok", "out": []})


@contextlib.contextmanager
def tiny_disk(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a disk")
def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    plaza = Plaza(tmp_path / "data")
    folder = plaza.data_dir / "orders_project"
    with tiny_disk(folder):
        plaza.up()
        try:
            buyer, product = plaza.customer(), make_product(plaza.staff())
            earlier = place_order(buyer, product, 1)
            fill(folder / "ballast")
            for _ in range(MORE_THAN_OPEN_A_CIRCUIT):
                assert_storage(send_order(buyer, product, 1, key="while-full"))
            assert succeeded(buyer.get(f"/api/orders/{earlier['id']}/")) == earlier
            assert readiness(plaza, "orders") == {"status": "degraded", "storage": "full"}
            (folder / "ballast").unlink()
            assert succeeded(send_order(buyer, product, 1, key="while-full"), 201)["status"] == "confirmed"
            eventually(lambda: readiness(plaza, "orders") == {"status": "ok"})
        finally:
            plaza.down()


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
