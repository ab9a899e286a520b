"""What is asked of the accounts is read from an index, on whichever database this runs."""

import pytest
from django.db import connection

from common.identity import Caller
from tests.support.plans import planned, sorts
from tests.support.service import pages
from tests.users.accounts import Client, Register
from users_project.users.models import User
from users_project.users.services import delete_user, update_user

IS_SQLITE = connection.vendor == "sqlite"
# PostgreSQL chooses among those that fit by its statistics, and the tables of these tests have none.
LIKELY: set[str] = set() if IS_SQLITE else {"users_by_age", "users_staff", "users_active", "users_inactive"}


@pytest.fixture
def people(register: Register) -> None:
    for number in range(6):
        register(f"user{number}", is_active=number % 2 == 0, is_staff=number == 4)


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("query", "indexes"),
    [
        ("", {"users_by_age"}),
        ("is_staff=true", {"users_staff"}),
        ("is_staff=false", {"users_by_age"}),
        ("is_active=true", {"users_active"}),
        ("is_active=false", {"users_inactive"}),
        ("is_staff=true&is_active=true", {"users_staff"}),
        ("is_staff=false&is_active=false", {"users_inactive"}),
    ],
)
def test_a_list_reads_its_own_index(client: Client, grace: User, query: str, indexes: set[str]) -> None:
    walk = pages(client(grace), f"/users/?page_size=1&{query}")
    for _ in range(2):
        with planned() as plans:
            next(walk)
        [plan] = plans
        assert any(index in plan for index in indexes | LIKELY)
        assert not sorts(plan)


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("text", ["user", "nobody", "user4 x", "example nobody"])
def test_a_search_reads_the_newest_words(client: Client, grace: User, text: str) -> None:
    with planned() as plans:
        assert client(grace).get(f"/users/?search={text}&page_size=2").status_code == 200
    words = [plan for plan in plans if "userentry" in plan]
    assert not any("SCAN users_user " in plan or "Seq Scan" in plan for plan in plans)
    assert ("users_userentry_fts VIRTUAL TABLE" if IS_SQLITE else "users_userentry_pkey") in words[1]
    assert not sorts(words[1])
    assert all("users_userentry_terms" in plan for plan in words[2:])


def test_the_last_staff_account_is_looked_for_among_staff(register: Register, grace: User) -> None:
    other = register("other", is_staff=True)
    with planned() as plans:
        update_user(user_id=other.pk, by=Caller("gateway", grace.pk, is_staff=True), changes={"is_staff": False})
        delete_user(user_id=other.pk, by=Caller("operator"))
    read = "\n".join(plans)
    assert any(index in read for index in {"users_staff"} | LIKELY)
    assert "SCAN users_user" not in read.replace("SCAN users_user USING INDEX users_staff", "")
    assert "Seq Scan" not in read
