"""A username and a password are the same, however they are written: NFKC comes before anything else."""

from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from common.identifiers import new_id
from tests.support.service import faults
from tests.users.accounts import PASSWORD, Client, Register
from users_project.users.models import User
from users_project.users.services import verify_credentials

COMPOSED, DECOMPOSED, WIDE = "josé-García-7", "jose\u0301-Garci\u0301a-7", "ｊｏｓé-García-7"
BEFORE = [("users", "0004_staff_filters")]


def body(username: str, password: str = PASSWORD) -> dict[str, str]:
    return {"username": username, "email": "j@x.example", "password": password}


@pytest.mark.django_db
@pytest.mark.parametrize("twin", ["josé", "JOSÉ", "jose\u0301", "ｊｏｓé"])
def test_no_twin_of_a_username_registers_beside_it(client: Client, twin: str) -> None:
    assert client().post("/auth/register/", body("jose\u0301")).json()["username"] == "josé"
    refused = client().post("/auth/register/", body(twin))
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/username-taken")
    assert User.objects.count() == 1


@pytest.mark.django_db
def test_a_username_is_as_long_as_its_normal_form(client: Client) -> None:
    assert client().post("/auth/register/", body("e\u0301" * 150)).json()["username"] == "é" * 150
    assert faults(client().post("/auth/register/", body("ﬃ" * 51))) == [("/username", "max_length")]


def test_a_new_username_of_an_account_is_normal_too(client: Client, ada: User) -> None:
    assert client(ada).patch("/users/me/", {"username": "ａｄａ-\u212b"}).json()["username"] == "ada-Å"


@pytest.mark.parametrize("typed", [COMPOSED, DECOMPOSED, WIDE])
@pytest.mark.parametrize("chosen", [COMPOSED, DECOMPOSED, WIDE])
def test_a_password_is_known_in_each_form(register: Register, chosen: str, typed: str) -> None:
    ada = register("ada", password=chosen)
    assert verify_credentials(username="ada", password=typed) == ada


@pytest.mark.parametrize("typed", [DECOMPOSED, WIDE, "㍿" * 100])
def test_a_password_of_an_earlier_release_works_and_is_hashed_in_its_normal_form(
    ada: User, client: Client, typed: str
) -> None:
    User.objects.filter(pk=ada.pk).update(password=make_password(typed))
    for _ in range(2):
        answer = client().post("/credentials/", {"username": "ada", "password": typed}).json()
        assert (answer["user"]["id"], answer["user"]["password_version"]) == (str(ada.pk), 1)
    hashed = User.objects.get().password
    assert hashed != ada.password
    assert verify_credentials(username="ada", password=typed) is not None
    assert User.objects.get().password == hashed  # once


def test_a_password_that_is_changed_during_a_sign_in_stays_changed(ada: User) -> None:
    User.objects.filter(pk=ada.pk).update(password=make_password(DECOMPOSED))
    signing_in = User.objects.get()
    ada.set_password("violet-lantern-in-june")
    ada.save()
    assert signing_in.check_password(DECOMPOSED)
    assert User.objects.get().check_password("violet-lantern-in-june")


@pytest.mark.parametrize(("length", "is_refused"), [(128, False), (129, True)])
def test_a_password_is_as_long_as_its_normal_form(client: Client, db: None, length: int, is_refused: bool) -> None:
    answer = client().post("/auth/register/", body("ada", "e\u0301" * length))
    assert answer.status_code == (400 if is_refused else 201)
    assert not is_refused or faults(answer) == [("/password", "max_length")]


@pytest.mark.django_db
def test_a_password_is_judged_in_its_normal_form(client: Client) -> None:
    assert faults(client().post("/auth/register/", body("ada", "ｐａｓｓｗｏｒｄ"))) == [("/password", "invalid")]


@pytest.fixture
def before() -> Any:
    """The models of before. The tables are as they are now when the test ends."""
    yield migrate(BEFORE)
    migrate(MigrationExecutor(connection).loader.graph.leaf_nodes("users"))


def migrate(target: Any) -> Any:
    executor = MigrationExecutor(connection)
    executor.migrate(target)
    return executor.loader.project_state(target).apps


@pytest.mark.django_db(transaction=True)
def test_usernames_of_earlier_releases_become_normal_and_of_twins_the_older_one(before: Any, capsys: Any) -> None:
    old = before.get_model("users", "User")
    names = ["ada", "ａｄａ", "Jose\u0301", "josé-2"]
    rows = []
    for number, name in enumerate(names):
        rows.append(old.objects.create(id=new_id(), username=f"user-{number}", date_joined=timezone.now()))
        old.objects.filter(pk=rows[-1].pk).update(username=name, username_key=name.casefold())
    migrate(MigrationExecutor(connection).loader.graph.leaf_nodes("users"))
    kept = dict(User.objects.values_list("username", "username_key"))
    assert kept == {"ada": "ada", "ａｄａ": "ａｄａ", "José": "josé", "josé-2": "josé-2"}
    assert f"the account {rows[1].pk} looks like an older one" in capsys.readouterr().out
