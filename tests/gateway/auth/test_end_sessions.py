"""`manage.py end_sessions`, which the operator runs beside a running gateway."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from gateway_project.auth.models import Session
from tests.gateway.clients import BeginSession, send, signed_in, slug
from tests.support.examples import OTHER_ID, USER_ID


def test_all_sessions_of_the_user_end_and_no_others(begin_session: BeginSession) -> None:
    (first, pair), (second, _), (_, others) = begin_session(), begin_session(), begin_session(OTHER_ID, "grace")
    out = StringIO()
    call_command("end_sessions", USER_ID, stdout=out)
    assert out.getvalue() == "Sessions ended: 2\n"
    ended = dict(Session.objects.exclude(revoked_at=None).values_list("pk", "revoked_because"))
    assert ended == dict.fromkeys((first.pk, second.pk), "ended by operator")
    assert slug(send(signed_in(pair), "GET", "/api/auth/sessions/")) == "session-ended"
    assert send(signed_in(others), "GET", "/api/auth/sessions/").status_code == 200


def test_what_is_no_id_is_refused() -> None:
    with pytest.raises(CommandError, match="'ada' is not the id of a user"):
        call_command("end_sessions", "ada")
