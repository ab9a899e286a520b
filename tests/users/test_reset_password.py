"""`manage.py reset_password`, which needs no old password."""

import json
import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests.users.accounts import PASSWORD, Register
from users_project.users.models import User
from users_project.users.services import verify_credentials

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_password_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLAZA_ADMIN_PASSWORD", raising=False)


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("reset_password", *arguments, stdout=out)
    return out.getvalue()


def test_the_new_password_is_printed_works_and_leaves_sessions_behind(register: Register) -> None:
    admin = register("Admin", is_staff=True)
    other = register("other")
    printed = re.fullmatch(r"The new password of Admin: (\S{16})\n", run())
    assert printed
    assert verify_credentials(username="admin", password=printed[1]) == admin
    assert verify_credentials(username="admin", password=PASSWORD) is None
    assert User.objects.get(pk=admin.pk).password_version == admin.password_version + 1
    assert verify_credentials(username="other", password=PASSWORD) == other


def test_a_given_password_is_taken_and_not_printed(register: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = register("ada")
    monkeypatch.setenv("PLAZA_ADMIN_PASSWORD", "another-horse-8")
    answer = json.loads(run("ada", "--json"))
    assert answer == {"id": str(ada.pk), "said": "The new password of ada: the one in PLAZA_ADMIN_PASSWORD"}
    assert verify_credentials(username="ada", password="another-horse-8") == ada


def test_a_weak_one_is_refused_and_nothing_changes(register: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    register("admin")
    before = User.objects.values().get()
    monkeypatch.setenv("PLAZA_ADMIN_PASSWORD", "kx92!")
    with pytest.raises(CommandError, match=r"^PLAZA_ADMIN_PASSWORD is too weak\. "):
        run()
    assert User.objects.values().get() == before


def test_a_missing_account_and_a_deactivated_one_are_said(register: Register) -> None:
    with pytest.raises(CommandError, match=r"^There is no account 'admin'; .*ensure_admin --username admin` makes it"):
        run()
    register("ada", is_active=False)
    assert run("ada").endswith(" The account is deactivated, so nobody can sign in to it.\n")
