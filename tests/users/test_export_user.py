"""`manage.py export_user`: all that is held about a person here."""

import json
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from common.identifiers import new_id
from common.identity import Caller
from tests.support.personal import personal_models
from tests.users.accounts import PASSWORD
from users_project.users.management.commands import export_user
from users_project.users.models import User
from users_project.users.services import delete_user

pytestmark = pytest.mark.django_db


def held(user: Any) -> dict[str, list[dict[str, Any]]]:
    out = StringIO()
    call_command("export_user", str(user), stdout=out)
    found: dict[str, list[dict[str, Any]]] = json.loads(out.getvalue())
    return found


def test_it_is_every_column_but_the_password_s_digest(ada: User, grace: User) -> None:
    found = held(ada.pk)
    (account,) = found["accounts"]
    assert account.keys() == {field.attname for field in User._meta.concrete_fields} - {"password"}
    assert (account["id"], account["last_name"], account["email"]) == (str(ada.pk), "Lovelace", "ada@x.example")
    assert [row["owner_id"] for row in found["search_entries"]] == [str(ada.pk)]
    assert PASSWORD not in json.dumps(found)


def test_a_name_finds_it_too_whatever_its_case(ada: User) -> None:
    assert held("ADA") == held(ada.pk)


def test_of_a_deleted_account_what_is_left_is_said(ada: User, grace: User) -> None:
    delete_user(user_id=ada.pk, by=Caller("gateway", grace.pk, is_staff=True))
    (account,) = held(ada.pk)["accounts"]
    assert (account["email"], account["first_name"]) == ("", "")


@pytest.mark.parametrize("name", ["nobody", str(uuid4())])
def test_an_account_that_is_not_there_is_said(name: str) -> None:
    with pytest.raises(CommandError, match=f"There is no account '{name}'; name one by its id or username"):
        held(name)


def test_every_table_that_names_a_person_is_exported() -> None:
    assert personal_models() <= {rows.model for rows in export_user.Command().rows_about(new_id()).values()}
