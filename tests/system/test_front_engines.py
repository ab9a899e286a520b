"""Two gateways behind the front, on a PostgreSQL and a Redis of the test's own, which fail under load."""

import json
from collections.abc import Callable, Iterator

import pytest

from operations.layout import SERVERS
from tests.support.http import Client
from tests.support.plaza import WITHOUT_THROTTLES, Plaza, eventually
from tests.system.engines import Postgres, Redis, postgres, redis
from tests.system.front import Gateway, front, up
from tests.system.shop import make_product
from tests.system.traffic import CLIENTS, Traffic, placed

pytestmark = pytest.mark.postgres

UNAVAILABLE = frozenset({502, 503, 504})  # what may be answered while the database is away
WORKERS = {f"{name}_WORKERS": "2" for name in ("PRODUCTS", "ORDERS")}


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


@pytest.fixture(scope="module")
def shared() -> Iterator[Redis]:
    with redis() as server:
        yield server


@pytest.fixture(scope="module")
def shop(database: Postgres, shared: Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plaza]:
    urls = {f"{server.name.upper()}_DATABASE_URL": database.make_database(server.name) for server in SERVERS}
    more = {"TRUSTED_PROXIES": "127.0.0.0/8", "REDIS_URL": shared.url, **WORKERS}
    plaza = Plaza(tmp_path_factory.mktemp("engines") / "data", **WITHOUT_THROTTLES, **urls, **more)
    plaza.up("--no-demo")
    yield plaza
    plaza.down()


@pytest.fixture(scope="module")
def at(shop: Plaza) -> Iterator[tuple[str, str]]:
    other = Gateway(shop, "127.0.0.2", shop.port)
    other.start()
    with front([Gateway(shop, "127.0.0.1", shop.port), other]) as urls:
        yield urls
    other.end()


@pytest.fixture(scope="module")
def buyers(shop: Plaza) -> list[Client]:
    return [shop.customer() for _ in range(CLIENTS)]


def assert_nothing_lost(shop: Plaza, traffic: Traffic, buyers: list[Client]) -> None:
    assert traffic.lost == []
    assert traffic.without_pause == []
    assert traffic.orders
    assert set(traffic.orders.values()) <= placed(shop.staff())
    audit = shop.run("audit")
    assert audit.returncode == 0, audit.stdout


def test_redis_frozen_killed_and_returned_costs_no_request(
    shop: Plaza, shared: Redis, at: tuple[str, str], buyers: list[Client], record_property: Callable[..., None]
) -> None:
    product = make_product(shop.staff(), stock=100_000)
    with Traffic(at[0], [buyer.access for buyer in buyers], product, accepted=frozenset()) as traffic:
        traffic.go_on(2)
        with shared.frozen():
            traffic.go_on(4)
        traffic.go_on(2)
        shared.kill()
        traffic.go_on(4)
        shared.start()
        traffic.go_on(4)
    record_property("answers", json.dumps(traffic.answers))
    assert traffic.resent == []
    assert_nothing_lost(shop, traffic, buyers)


@pytest.mark.parametrize("fault", [Postgres.restart, Postgres.crash])
def test_postgresql_that_begins_again_loses_no_order(
    shop: Plaza,
    database: Postgres,
    at: tuple[str, str],
    buyers: list[Client],
    fault: Callable[[Postgres], None],
    record_property: Callable[..., None],
) -> None:
    product = make_product(shop.staff(), stock=100_000)
    with Traffic(at[0], [buyer.access for buyer in buyers], product, accepted=UNAVAILABLE) as traffic:
        traffic.go_on(3)
        fault(database)
        eventually(lambda: up(at[1]) == 2, timeout_s=120)
        traffic.go_on(5)
        answered = traffic.answers[200] + traffic.answers[201]
        traffic.go_on(3)
        assert traffic.answers[200] + traffic.answers[201] > answered  # it is well again
    record_property("answers", json.dumps(traffic.answers))
    record_property("sent again", len(traffic.resent))
    assert_nothing_lost(shop, traffic, buyers)
