"""Services with several processes each, on SQLite: whoever writes waits for its turn, across processes."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from functools import partial

import pytest
import requests

from tests.support.http import Client
from tests.support.plaza import WITHOUT_THROTTLES, Plaza, children_of, eventually
from tests.support.threads import at_once
from tests.system.shop import held_quantity, ledger_sum, make_product, send_order, send_until_decided, stock_of

SERVICES = ("users", "products", "orders")


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plaza]:
    workers = {f"{name.upper()}_WORKERS": "2" for name in SERVICES}
    plaza = Plaza(tmp_path_factory.mktemp("workers") / "data", **WITHOUT_THROTTLES, **workers)
    plaza.up("--no-demo")
    yield plaza
    plaza.down()


def pids(plaza: Plaza, service: str) -> set[str]:
    """The workers that say what they take."""
    text = requests.get(f"{plaza.url(service)}/metrics", timeout=5).text
    return set(re.findall(r'^process_resident_memory_bytes\{pid="(\d+)"\}', text, re.MULTILINE))


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_has_two_and_each_of_them_is_measured(several: Plaza, service: str) -> None:
    eventually(lambda: len(pids(several, service)) == 2)


def test_all_threads_of_the_gateway_are_on_one_core_and_services_may_use_all(several: Plaza) -> None:
    allowed = os.sched_getaffinity(0)

    def cores_of(pid: int) -> set[frozenset[int]]:
        """Where each of its threads may run."""
        found = set()
        for thread in os.listdir(f"/proc/{pid}/task"):
            with suppress(ProcessLookupError):  # it has just ended
                found.add(frozenset(os.sched_getaffinity(int(thread))))
        return found

    [gateway] = children_of(several.pid("gateway"))
    at_once([several.customer] * 4)  # so that it has more threads than one
    eventually(lambda: cores_of(gateway) in [{frozenset({core})} for core in allowed])
    for service in SERVICES:
        assert all(cores_of(int(pid)) == {frozenset(allowed)} for pid in pids(several, service))


def test_their_requests_are_added_up(several: Plaza) -> None:
    asked = f"{several.url('users')}/health/live"
    counter = re.compile(r'^plaza_requests_total\{method="GET",route="health/live",status="200"\} (\S+)$', re.MULTILINE)

    def answered() -> float:
        found = counter.search(requests.get(f"{several.url('users')}/metrics", timeout=5).text)
        return float(found[1]) if found else 0.0

    before = answered()
    for _ in range(20):
        requests.get(asked, timeout=5)  # a connection each, so that either may answer
    assert answered() == before + 20


def test_80_buyers_of_30_units_get_exactly_30(several: Plaza) -> None:
    staff, buyers = several.staff(), at_once([several.customer] * 4)
    product = make_product(staff, stock=30)

    def buy(client: Client, key: str) -> int:
        return send_until_decided(lambda: send_order(client, product, key=key)).status_code

    statuses = at_once([partial(buy, buyers[n % 4], f"buyer-{n}") for n in range(80)])
    assert Counter(statuses) == {201: 30, 409: 50}
    assert (stock_of(staff, product), ledger_sum(staff, product), held_quantity(staff, product)) == (0, 30, 30)
    assert several.run("audit").returncode == 0
    assert "database is locked" not in several.log_text()
