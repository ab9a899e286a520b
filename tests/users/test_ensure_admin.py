"""`manage.py ensure_admin`, which runs at every start."""

import re
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from common.identity import Caller
from tests.users.accounts import PASSWORD, Register
from users_project.users.management.commands import ensure_admin
from users_project.users.models import User
from users_project.users.services import delete_user, register_user, verify_credentials

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_password_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLAZA_ADMIN_PASSWORD", raising=False)


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("ensure_admin", *arguments, stdout=out)
    return out.getvalue()


def test_the_first_run_makes_the_account_and_prints_its_password() -> None:
    printed = re.fullmatch(r"Made the user admin, password: (\S{16})\n", run())
    assert printed
    admin = verify_credentials(username="admin", password=printed[1])
    assert admin is not None
    assert (admin.username, admin.is_staff, admin.is_active, admin.email) == (
        "admin",
        True,
        True,
        "admin@plaza.example",
    )


def test_a_second_run_prints_nothing_and_changes_nothing() -> None:
    run()
    before = User.objects.values().get()
    assert run() == ""
    assert User.objects.values().get() == before


@pytest.mark.parametrize("given", ["another-horse-8", "weak"])
def test_an_existing_account_keeps_its_password_whatever_is_given(
    register: Register, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    register("Admin", is_staff=True)
    before = User.objects.values().get()
    monkeypatch.setenv("PLAZA_ADMIN_PASSWORD", given)
    assert run() == ""
    assert User.objects.values().get() == before


def test_a_given_password_is_taken_and_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAZA_ADMIN_PASSWORD", PASSWORD)
    assert run() == "Made the user admin, password: the one in PLAZA_ADMIN_PASSWORD\n"
    assert verify_credentials(username="admin", password=PASSWORD) == User.objects.get()


def test_a_weak_given_password_is_refused_and_no_account_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAZA_ADMIN_PASSWORD", "kx92!")
    with pytest.raises(CommandError, match=r"^PLAZA_ADMIN_PASSWORD is too weak\. This password is too short\."):
        run()
    assert not User.objects.exists()


def test_of_two_starts_at_once_the_later_prints_nothing(register: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    def register_second(**fields: Any) -> User:
        register("admin", is_staff=True)
        return register_user(**fields)

    monkeypatch.setattr(ensure_admin, "register_user", register_second)
    assert run() == ""
    assert User.objects.get().check_password(PASSWORD)


def test_another_name_makes_another_account(register: Register) -> None:
    register("admin", is_staff=True)
    assert run("--username", "operations").startswith("Made the user operations, password: ")
    assert set(User.objects.values_list("username", "is_staff")) == {("admin", True), ("operations", True)}


def test_a_deleted_account_s_name_is_free_for_a_new_one(register: Register) -> None:
    gone = register("admin", is_staff=True)
    register("grace", is_staff=True)
    delete_user(user_id=gone.pk, by=Caller("operator"))
    assert run().startswith("Made the user admin, password: ")
    assert User.objects.get(username="admin").pk != gone.pk
