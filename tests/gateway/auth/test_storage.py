"""The gateway's own database can be read and not written: who is signed in goes on, and nobody is told it's a bug."""

from collections.abc import Callable, Iterator

import pytest
from django.db import ProgrammingError, connection
from django.test import Client

from common import storage
from common.storage import StorageWatch
from gateway_project.auth.models import Session
from tests.gateway.auth.test_middleware import expired
from tests.gateway.auth.test_pages import RIGHT, error_of, submit
from tests.gateway.clients import BeginSession, browser, send, signed_in, slug
from tests.gateway.fakes import Services, answer
from tests.support.examples import ACCOUNT, USER, USER_ID

pytestmark = pytest.mark.django_db(transaction=True)

WRITES = {
    "sqlite": ("PRAGMA query_only = on", "PRAGMA query_only = off"),
    "postgresql": ("SET default_transaction_read_only = on", "SET default_transaction_read_only = off"),
}


@pytest.fixture(autouse=True)
def _services_go_on(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "watch", StorageWatch())
    services.users.on("POST", "/credentials/", answer(200, {"user": ACCOUNT}))
    services.users.on("GET", f"/accounts/{USER_ID}/", answer(200, ACCOUNT))
    services.users.on("GET", "/users/me/", answer(200, USER))


@pytest.fixture
def forbid_writes() -> Iterator[Callable[[], None]]:
    forbid, allow = WRITES[connection.vendor]

    def run(statement: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)

    yield lambda: run(forbid)
    run(allow)


def test_signing_in_is_a_matter_of_storage(anonymous: Client, forbid_writes: Callable[[], None]) -> None:
    forbid_writes()
    response = send(anonymous, "POST", "/api/auth/token/", RIGHT)
    assert (response.status_code, slug(response), response["Retry-After"]) == (503, "storage", "5")
    assert not Session.objects.exists()


def test_the_sign_in_page_says_so_and_keeps_the_name(forbid_writes: Callable[[], None]) -> None:
    visitor = browser()
    forbid_writes()
    response = submit(visitor, **RIGHT)
    assert response.status_code == 503
    assert error_of(response) == "Nobody can sign in at the moment. Try again soon."


def test_a_refresh_token_that_could_not_be_rotated_still_works(
    anonymous: Client, begin_session: BeginSession, forbid_writes: Callable[[], None]
) -> None:
    session, pair = begin_session()
    forbid_writes()
    response = send(anonymous, "POST", "/api/auth/token/refresh/", {"refresh": pair.refresh})
    assert (response.status_code, slug(response)) == (503, "storage")
    before = session.token_digest
    session.refresh_from_db()
    assert session.token_digest == before


def test_who_is_signed_in_goes_on(begin_session: BeginSession, forbid_writes: Callable[[], None]) -> None:
    _, pair = begin_session()
    forbid_writes()
    assert signed_in(pair).get("/api/users/me/").json() == USER


def test_a_browser_whose_tokens_cannot_be_renewed_keeps_them(
    begin_session: BeginSession, forbid_writes: Callable[[], None]
) -> None:
    _, pair = begin_session()
    client = browser(expired(pair))
    forbid_writes()
    assert client.get("/login/").status_code == 200
    assert client.cookies["plaza_refresh"].value == pair.refresh


def test_a_wrong_statement_is_still_a_bug(begin_session: BeginSession, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(refresh: str) -> None:
        raise ProgrammingError("no such table")

    monkeypatch.setattr("gateway_project.auth.middleware.renew", wrong)
    client = browser(expired(begin_session()[1]))
    client.raise_request_exception = False
    assert client.get("/login/").status_code == 500


def test_readiness_says_so(anonymous: Client, forbid_writes: Callable[[], None]) -> None:
    forbid_writes()
    send(anonymous, "POST", "/api/auth/token/", RIGHT)
    response = anonymous.get("/health/ready")
    assert (response.status_code, response.json()) == (200, {"status": "degraded", "out": [], "storage": "read-only"})
