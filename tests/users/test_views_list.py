"""GET and POST /users/, for staff only."""

from typing import Any

import pytest

from common.identity import Caller
from tests.support.service import faults, pages, problem
from tests.users.accounts import PASSWORD, Client, Register
from users_project.users.models import User
from users_project.users.services import delete_user


def names(page: dict[str, Any]) -> list[str]:
    return [user["username"] for user in page["results"]]


@pytest.fixture
def people(register: Register, grace: User) -> None:
    """Accounts that are newer than grace's, oldest first."""
    register("ada", last_name="Lovelace")
    register("mary", first_name="Mary", email="countess@example.org", is_active=False)
    register("edsger", is_staff=True)
    register("ken", last_name="O'Love_50%")
    delete_user(user_id=register("gone", last_name="Lovelace").pk, by=Caller("operator"))


@pytest.mark.usefixtures("people")
class TestFilters:
    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("", ["ken", "edsger", "mary", "ada", "grace"]),
            ("search=&is_staff=&is_active=&cursor=&page_size=", ["ken", "edsger", "mary", "ada", "grace"]),
            ("format=json", ["ken", "edsger", "mary", "ada", "grace"]),
            ("search=GRACE", ["grace"]),
            ("search=LOVE", ["ken", "ada"]),
            ("search=mary", ["mary"]),
            ("search=countess@", ["mary"]),
            ("search=e_5", ["ken"]),
            ("search=0%25", []),
            ("search=50%25", ["ken"]),
            ("search=%25", []),
            ("search=o'l", ["ken"]),
            ("search=gone", []),
            ("is_staff=true", ["edsger", "grace"]),
            ("is_staff=false", ["ken", "mary", "ada"]),
            ("is_active=false", ["mary"]),
            ("is_active=true", ["ken", "edsger", "ada", "grace"]),
            ("is_active=true&is_staff=false&search=a", ["ada"]),
        ],
    )
    def test_a_list_is_newest_first_and_joins_its_filters(
        self, client: Client, grace: User, query: str, expected: list[str]
    ) -> None:
        response = client(grace).get(f"/users/?{query}")
        assert response.status_code == 200
        assert names(response.json()) == expected

    def test_pages_follow_each_other_both_ways(self, client: Client, grace: User) -> None:
        forth = list(pages(client(grace), "/users/?page_size=2"))
        assert [names(page) for page in forth] == [["ken", "edsger"], ["mary", "ada"], ["grace"]]
        assert forth[0]["previous"] is None
        assert forth[0]["next"].startswith("/users/?page_size=2&cursor=")
        back = list(pages(client(grace), forth[-1]["previous"], "previous"))
        assert [names(page) for page in back] == [["mary", "ada"], ["ken", "edsger"]]

    def test_pages_keep_their_filters(self, client: Client, grace: User) -> None:
        walked = pages(client(grace), "/users/?is_staff=false&page_size=1")
        assert [names(page) for page in walked] == [["ken"], ["mary"], ["ada"]]

    def test_a_cursor_belongs_to_its_filters(self, client: Client, grace: User) -> None:
        link = client(grace).get("/users/?is_staff=false&page_size=1").json()["next"]
        assert faults(client(grace).get(link.replace("is_staff=false", "is_staff=true"))) == [("?cursor", "invalid")]

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("sort=name", [("?sort", "unknown")]),
            ("is_staff=true&is_staff=false", [("?is_staff", "repeated")]),
            ("is_staff=perhaps", [("?is_staff", "invalid")]),
            ("is_active=perhaps&nope=1", [("?nope", "unknown"), ("?is_active", "invalid")]),
            ("page_size=0", [("?page_size", "min_value")]),
            ("page_size=101", [("?page_size", "max_value")]),
            ("page_size=many", [("?page_size", "invalid")]),
            ("cursor=forged", [("?cursor", "invalid")]),
            (f"search={'x' * 151}", [("?search", "max_length")]),
        ],
    )
    def test_a_bad_query_is_named_by_pointer(
        self, client: Client, grace: User, query: str, expected: list[tuple[str, str]]
    ) -> None:
        assert faults(client(grace).get(f"/users/?{query}")) == expected


def test_a_page_has_twenty_accounts_unless_told_otherwise(client: Client, grace: User) -> None:
    User.objects.bulk_create(User(username=f"user{number:02}", email="") for number in range(20))
    assert [len(page["results"]) for page in pages(client(grace), "/users/")] == [20, 1]
    assert len(client(grace).get("/users/?page_size=100").json()["results"]) == 21


def test_staff_make_accounts_with_roles(client: Client, grace: User) -> None:
    form = {"username": "edsger", "email": "e@x.example", "password": PASSWORD, "is_staff": True, "is_active": False}
    response = client(grace).post("/users/", form)
    assert response.status_code == 201
    made = User.objects.get(username="edsger")
    assert (response.json()["id"], made.is_staff, made.is_active) == (str(made.pk), True, False)
    assert made.check_password(PASSWORD)


def test_a_refused_account_of_staff_s_making_is_not_made(client: Client, ada: User, grace: User) -> None:
    form = {"username": "ADA", "email": "e@x.example", "password": PASSWORD, "is_staff": True}
    problem(client(grace).post("/users/", form), 409, "username-taken")
    assert faults(client(grace).post("/users/", {**form, "username": "x", "password": "12"})) == (
        [("/password", "invalid")] * 3
    )
    assert faults(client(grace).post("/users/", {**form, "role": "x"})) == [("/role", "unknown")]
    assert set(User.objects.values_list("username", flat=True)) == {"ada", "grace"}


def test_lists_and_new_accounts_are_for_staff(client: Client, ada: User) -> None:
    form = {"username": "x", "email": "e@x.example", "password": PASSWORD, "is_staff": True}
    assert (
        problem(client(ada).get("/users/"), 403, "permission-denied")["detail"]
        == "Only staff may do this. Sign in as staff."
    )
    problem(client(ada).post("/users/", form), 403, "permission-denied")
    assert User.objects.count() == 1
