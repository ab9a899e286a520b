"""What the database itself refuses, and what Django's own commands expect of the model."""

from io import StringIO
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from tests.users.accounts import PASSWORD, CheapArgon2PasswordHasher, Register
from users_project import settings as deployed
from users_project.users.models import User


class StrongerArgon2PasswordHasher(CheapArgon2PasswordHasher):
    time_cost = 2


@pytest.mark.parametrize("username", ["ada", "ADA", "aDa"])
def test_the_database_refuses_a_username_in_any_spelling_of_case(ada: User, username: str) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create(username=username, email="other@x.example")
    assert list(User.objects.values_list("username", flat=True)) == ["ada"]


@pytest.mark.parametrize("kept", [{"email": "ada@x.example"}, {"is_active": True}, {"is_staff": True}])
def test_the_database_refuses_a_deleted_account_that_keeps_something(ada: User, kept: dict[str, Any]) -> None:
    nothing = {"email": "", "is_active": False, "is_staff": False, "deleted_at": timezone.now()}
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=ada.pk).update(**{**nothing, **kept})
    ada.refresh_from_db()
    assert (ada.deleted_at, ada.email, ada.is_active) == (None, "ada@x.example", True)
    assert User.objects.filter(pk=ada.pk).update(**nothing) == 1


def test_ids_are_uuid7_in_the_order_of_making(register: Register) -> None:
    users = [register(name) for name in ("zoe", "mia", "abe")]
    assert [user.pk.version for user in users] == [7, 7, 7]
    assert [user.pk for user in users] == sorted(user.pk for user in users)


@pytest.mark.django_db
def test_migrating_makes_no_table_of_django_s_permissions() -> None:
    tables = {name for name in connection.introspection.table_names() if "_fts" not in name}
    assert tables == {"django_migrations", "users_resetrequest", "users_user", "users_userentry"}


@pytest.mark.django_db
def test_createsuperuser_makes_an_active_staff_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    out = StringIO()
    call_command("createsuperuser", "--noinput", username="root", email="root@PLAZA.example", stdout=out)
    root = User.objects.get()
    assert (root.username, root.email, root.is_staff, root.is_active) == ("root", "root@plaza.example", True, True)
    assert root.check_password(PASSWORD)
    assert root.password_version == 1
    assert out.getvalue().strip() == "Superuser created successfully."


def test_django_finds_an_account_by_its_name_in_any_case(ada: User) -> None:
    assert User.objects.get_by_natural_key("ADA") == ada
    assert str(ada) == "ada"


def test_django_s_own_authentication_knows_no_deleted_account(ada: User) -> None:
    assert authenticate(username="Ada", password=PASSWORD) == ada
    User.objects.filter(pk=ada.pk).update(deleted_at=timezone.now(), email="", is_active=False)
    assert authenticate(username="ada", password=PASSWORD) is None


def test_a_new_password_is_a_new_version(ada: User) -> None:
    assert ada.password_version == 1
    ada.set_password("another-horse-8")
    assert ada.password_version == 2


def test_a_stronger_hash_of_the_same_password_is_no_new_version(ada: User, settings: Any) -> None:
    weaker = ada.password
    settings.PASSWORD_HASHERS = [f"{__name__}.StrongerArgon2PasswordHasher"]
    assert ada.check_password(PASSWORD)
    assert ada.password != weaker
    assert ada.password_version == 1
    ada.refresh_from_db()
    assert ada.check_password(PASSWORD)
    assert ada.password_version == 1


def test_passwords_are_kept_as_argon2id_at_owasp_s_cost(settings: Any) -> None:
    settings.PASSWORD_HASHERS = deployed.PASSWORD_HASHERS
    user = User(username="ada")
    user.set_password(PASSWORD)
    assert user.password.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    assert PASSWORD not in user.password
    assert user.check_password(PASSWORD)
    assert not user.check_password(PASSWORD.upper())
