"""Which accounts a search finds."""

from itertools import permutations
from typing import Any

import pytest

from common.listing import Listed
from common.search import find
from common.search.words import words_of
from tests.users.accounts import Register
from users_project.users.models import User, UserEntry
from users_project.users.search import INDEX, search_users

NAMES = ("ada", "Ada.King", "k\u0131ng", "O'Love_50%", "Zoë", "søren", "東京", "x@y", "kingston")
ENDS = ("", "Lovelace", "KING", "山田", "Żółć")


def found(**query: Any) -> list[str]:
    users = search_users(query)
    is_read = isinstance(users, find.Found | Listed)
    rows = users.read("date_joined", True, None, 100) if is_read else users.order_by("-date_joined")
    return [user.username for user in rows]


@pytest.fixture(params=[(2000, 1000), (1, 1)], ids=["as shipped", "as in a large shop"])
def _sizes(request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    walk, few = request.param
    monkeypatch.setattr(find, "WALK", walk)
    monkeypatch.setattr(find, "FEW", few)


@pytest.mark.usefixtures("_sizes", "db")
@pytest.mark.parametrize("text", ["a", "ada", "KING ada", "50", "zoe", "soren", "山", "東 lovelace", "%", "zolc"])
def test_a_search_finds_what_holds_every_word(text: str) -> None:
    people = [
        User(username=f"{name}{number}", email=f"{number}@{name[:1]}.example", last_name=last, is_active=number % 3 > 0)
        for number, (name, last) in enumerate((name, last) for name in NAMES for last in ENDS)
    ]
    User.objects.bulk_create(people)
    INDEX.fill()

    def holds(user: User) -> bool:
        words = words_of(f"{user.username} {user.email} {user.first_name} {user.last_name}")
        wanted = words_of(text)
        return bool(wanted) and all(any(word.startswith(start) for word in words) for start in wanted)

    expected = [user for user in reversed(people) if holds(user)]
    assert found(search=text) == [user.username for user in expected]
    assert found(search=text, is_active=True) == [user.username for user in expected if user.is_active]


@pytest.mark.usefixtures("_sizes")
def test_a_search_joins_its_filters(register: Register) -> None:
    register("ada", last_name="King")
    register("king", is_staff=True)
    register("old.king", is_active=False)
    register("grace", is_staff=True)
    filters = {"search": "KING", "is_staff": True, "is_active": True}
    results = {
        chosen: set(found(**{name: filters[name] for name in chosen}))
        for chosen in [(), *((name,) for name in filters), *permutations(filters, 2), tuple(filters)]
    }
    assert results[()] == {"ada", "king", "old.king", "grace"}
    assert results[("search",)] == {"ada", "king", "old.king"}
    assert results[("is_staff",)] == {"king", "grace"}
    for chosen, names in results.items():
        assert names == results[()].intersection(*(results[(name,)] for name in chosen))


def test_a_change_is_found_at_once_and_a_deleted_account_never_again(register: Register) -> None:
    user = register("ada", last_name="King")
    user.last_name = "Lovelace"
    user.save()
    INDEX.write(user)
    assert (found(search="king"), found(search="lovelace")) == ([], ["ada"])
    assert not UserEntry.objects.filter(is_stale=True).exists()
