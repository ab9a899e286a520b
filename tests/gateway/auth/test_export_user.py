"""`manage.py export_user`: a person's sign-ins, without what could be signed in with."""

import json
from io import StringIO

from django.core.management import call_command

from common.identifiers import new_id
from gateway_project.auth.management.commands import export_user
from gateway_project.auth.models import Session
from tests.gateway.clients import BeginSession
from tests.support.examples import OTHER_ID, USER_ID
from tests.support.personal import personal_models


def test_all_sessions_of_a_person_are_exported_and_no_digest_of_a_token(begin_session: BeginSession) -> None:
    (mine, _), (other, _) = begin_session(), begin_session(OTHER_ID, "grace")
    out = StringIO()
    call_command("export_user", USER_ID, stdout=out)
    (row,) = json.loads(out.getvalue())["sessions"]
    secret = {"token_digest", "previous_digest", "spent"}
    assert row.keys() == {field.attname for field in Session._meta.concrete_fields} - secret
    assert (row["id"], row["device"]) == (str(mine.pk), "Firefox")
    assert str(other.pk) not in out.getvalue()


def test_every_table_that_names_a_person_is_exported() -> None:
    assert personal_models() <= {rows.model for rows in export_user.Command().rows_about(new_id()).values()}
