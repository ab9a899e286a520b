"""A database that can be read and not written: the service goes on reading, says so, and writes again by itself."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from common import storage
from common.storage import BELIEVED_S, StorageWatch
from products_project.products.models import Category
from tests.support.clock import Clock
from tests.support.service import ServiceClient, problem

pytestmark = pytest.mark.django_db(transaction=True)

SAID = {"sqlite": "full", "postgresql": "read-only"}
UNLIMITED = 0xFFFFFFFE
TEXT = "x" * 1900  # pages full of it


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(storage, "watch", StorageWatch(clock=clock))
    return clock


@pytest.fixture
def unwritable(books: Category) -> Iterator[Any]:
    """Until its `mend` is called."""

    def run(statement: str) -> Any:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchone() if cursor.description else None

    def mend() -> None:
        if connection.vendor == "sqlite":
            run(f"PRAGMA max_page_count = {UNLIMITED}")
        else:
            run("SET default_transaction_read_only = off")

    if connection.vendor == "sqlite":
        run("VACUUM")
        (pages,) = run("PRAGMA page_count")
        run(f"PRAGMA max_page_count = {pages}")
    else:
        run("SET default_transaction_read_only = on")
    yield mend
    mend()


@pytest.fixture
def unreachable(books: Category) -> Iterator[None]:
    """The place where the database is looked for, is not the place where it is."""
    name = "NAME" if connection.vendor == "sqlite" else "PORT"
    kept = connection.settings_dict[name]
    connection.close()
    connection.settings_dict[name] = "/gone/Data-base.db" if connection.vendor == "sqlite" else "1"
    yield
    connection.close()
    connection.settings_dict[name] = kept


def write_until_refused(staff: ServiceClient) -> Any:
    """The last pages have some room yet."""
    for number in range(20):
        response = staff.post("/categories/", {"name": f"Tea {number}", "description": TEXT})
        if response.status_code != 201:
            return response
    raise AssertionError("every write was done")


def test_a_write_is_refused_as_a_matter_of_storage(staff: ServiceClient, clock: Clock, unwritable: Any) -> None:
    response = write_until_refused(staff)
    refused = problem(response, 503, "storage")
    assert response["Retry-After"] == "5"
    assert "full" not in refused["detail"]


def test_reads_go_on_and_readiness_says_what_is_wrong(
    staff: ServiceClient, shopper: ServiceClient, books: Category, clock: Clock, unwritable: Any
) -> None:
    write_until_refused(staff)
    assert shopper.get(f"/categories/{books.slug}/").status_code == 200
    response = shopper.get("/health/ready")
    assert (response.status_code, response.json()) == (
        200,
        {"status": "degraded", "storage": SAID[connection.vendor]},
    )


def test_it_is_written_again_as_soon_as_it_can_be(staff: ServiceClient, clock: Clock, unwritable: Any) -> None:
    write_until_refused(staff)
    unwritable()
    assert staff.post("/categories/", {"name": "Coffee"}).status_code == 201
    clock.advance(BELIEVED_S)
    assert staff.get("/health/ready").json() == {"status": "ok"}


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.usefixtures("unreachable")
def test_a_database_that_cannot_be_reached_is_not_a_bug(staff: ServiceClient, method: str) -> None:
    response = getattr(staff, method)("/categories/", {"name": "Tea"} if method == "post" else None)
    problem(response, 503, "database-unavailable")
    assert response["Retry-After"] == "1"


@pytest.mark.usefixtures("unreachable")
def test_nor_is_the_service_ready_without_it(shopper: ServiceClient) -> None:
    problem(shopper.get("/health/ready"), 503, "database-unavailable")
