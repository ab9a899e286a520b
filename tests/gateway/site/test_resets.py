"""A forgotten password: asking for a link, and what the link's page does."""

from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from common.upstream import CircuitRejected, Unreachable
from gateway_project.auth.models import Session
from tests.gateway.clients import HTML, BeginSession, browser, send
from tests.gateway.fakes import Services, answer, problem
from tests.gateway.pages import Page, read
from tests.support.examples import ACCOUNT, OTHER_ID, USER_ID

TOKEN = "d0p1zx-0123456789abcdef0123456789abcdef"
LINK = f"/password-reset/{USER_ID}/{TOKEN}/"
ASK, CONFIRM = "/api/auth/password-reset/", "/api/auth/password-reset/confirm/"
NEW = "violet-harbour-9"
SPENT = problem(404, "reset-link-invalid")


@pytest.fixture
def visitor(db: None) -> Client:
    return browser()


@pytest.fixture(autouse=True)
def _link(services: Services) -> None:
    services.users.on("POST", "/password-resets/", answer(200, {"user": ACCOUNT}))


def submit(client: Client, path: str, **form: str) -> HttpResponse:
    shown = read(client.get(path, headers=HTML)).main
    token = shown.one("input", name="csrfmiddlewaretoken").attributes["value"]
    response: HttpResponse = client.post(path, {"csrfmiddlewaretoken": token, **form}, headers=HTML)
    return response


def heading(response: HttpResponse) -> str:
    return read(response).one("h1").text


def alert(page: Page) -> str:
    return page.one("div", role="alert").text + page.one("strong").text


class TestAsking:
    @pytest.mark.parametrize("account", ["ada", "nobody@x.example"])
    def test_the_page_says_the_same_to_everybody(self, account: str, visitor: Client, services: Services) -> None:
        services.users.on("POST", "/auth/password-reset/", answer(204))
        response = submit(visitor, "/password-reset/", account=account)
        assert (response.status_code, heading(response)) == (200, "Look into your mail")
        assert services.users.last_body == {"account": account}
        assert account not in read(response).main.links

    def test_nobody_is_asked_about_nothing(self, visitor: Client, services: Services) -> None:
        response = submit(visitor, "/password-reset/", account=" ")
        assert response.status_code == 400
        assert read(response).one("p", id="account-fault").text == "This field may not be blank."
        assert services.calls == []

    def test_a_failing_service_is_told(self, visitor: Client, services: Services) -> None:
        services.users.on("POST", "/auth/password-reset/", CircuitRejected("users", 3))
        response = submit(visitor, "/password-reset/", account="ada")
        assert (response.status_code, response["Retry-After"]) == (503, "3")
        assert read(response).main.one("input", name="account").attributes["value"] == "ada"

    def test_the_letter_speaks_the_readers_language(self, visitor: Client, services: Services) -> None:
        services.users.on("POST", "/auth/password-reset/", answer(204))
        token = read(visitor.get("/password-reset/", headers=HTML)).main.one("input", name="csrfmiddlewaretoken")
        form = {"account": "ada", "csrfmiddlewaretoken": token.attributes["value"]}
        visitor.post("/password-reset/", form, headers={**HTML, "Accept-Language": "es"})
        assert (services.users.last.headers or {})["Accept-Language"] == "es"

    @pytest.mark.parametrize("scope", ["reset_account", "reset_address"])
    @pytest.mark.parametrize("by", ["page", "api"])
    def test_it_is_throttled(self, scope: str, by: str, visitor: Client, services: Services, settings: Any) -> None:
        settings.THROTTLES = settings.THROTTLES | {scope: 2}
        services.users.on("POST", "/auth/password-reset/", answer(204))
        accounts = ["ada", "ADA", " ada "] if scope == "reset_account" else ["ada", "bea", "cleo"]
        if by == "page":
            answers = [submit(visitor, "/password-reset/", account=account) for account in accounts]
        else:
            answers = [send(Client(), "POST", ASK, {"account": account}) for account in accounts]
        assert [each.status_code for each in answers[:2]] == ([200, 200] if by == "page" else [204, 204])
        assert answers[2].status_code == 429
        assert 0 < int(answers[2]["Retry-After"]) <= 3600
        assert len(services.users.calls) == 2

    def test_another_account_is_counted_apart(self, services: Services, settings: Any, db: None) -> None:
        settings.THROTTLES = settings.THROTTLES | {"reset_account": 1}
        services.users.on("POST", "/auth/password-reset/", answer(204))
        statuses = [send(Client(), "POST", ASK, {"account": name}).status_code for name in ("ada", "bea", "ada")]
        assert statuses == [204, 204, 429]


class TestTheLink:
    def test_its_page_asks_twice_and_tells_the_rules(self, visitor: Client, services: Services) -> None:
        response = visitor.get(LINK, headers=HTML)
        shown = read(response).main
        assert [each.attributes["name"] for each in shown.all("input", type="password")] == ["new_password", "again"]
        assert "At least 8 characters" in shown.one("p", id="new_password-help").text
        assert services.users.last_body == {"user_id": USER_ID, "token": TOKEN}
        assert response["Referrer-Policy"] == "same-origin"  # and with "no-referrer" browsers send no Origin
        assert "no-store" in response["Cache-Control"]

    def test_a_spent_one_offers_another(self, visitor: Client, services: Services) -> None:
        services.users.on("POST", "/password-resets/", answer(200, {"user": None}))
        response = visitor.get(LINK, headers=HTML)
        assert (response.status_code, heading(response)) == (404, "This link does not work any more")
        assert read(response).main.links == ["/password-reset/", "/login/"]

    def test_what_is_no_link_of_ours_is_not_asked_about(self, visitor: Client, services: Services) -> None:
        for token in ("x", "d0p1zx-0c5e3a", f"{TOKEN}0", f"-{TOKEN}"):
            response = visitor.get(f"/password-reset/{USER_ID}/{token}/", headers=HTML)
            assert (response.status_code, heading(response)) == (404, "This link does not work any more")
        assert services.calls == []

    def test_it_sets_the_password_and_ends_all_sign_ins(
        self, visitor: Client, services: Services, begin_session: BeginSession
    ) -> None:
        mine, _pair = begin_session()
        others, _pair = begin_session(OTHER_ID, "bea")
        services.users.on("POST", "/auth/password-reset/confirm/", answer(204))
        response = submit(visitor, LINK, new_password=NEW, again=NEW)
        assert (response.status_code, response["Location"]) == (302, "/login/")
        assert services.users.last_body == {"user_id": USER_ID, "token": TOKEN, "new_password": NEW}
        assert Session.objects.get(pk=mine.pk).revoked_because == "password reset"
        assert Session.objects.get(pk=others.pk).revoked_at is None
        assert "Your new password is set." in visitor.get("/login/", headers=HTML).content.decode()

    def test_two_different_ones_are_not_sent(self, visitor: Client, services: Services) -> None:
        response = submit(visitor, LINK, new_password=NEW, again="another")
        assert response.status_code == 400
        assert read(response).one("p", id="again-fault").text.startswith("The two are not the same.")
        assert NEW not in response.content.decode()
        assert [call.path for call in services.users.calls] == ["/password-resets/"]

    def test_a_weak_one_is_told_at_its_field(self, visitor: Client, services: Services) -> None:
        errors = [{"pointer": "/new_password", "detail": "Too common.", "code": "invalid"}]
        services.users.on("POST", "/auth/password-reset/confirm/", problem(400, "invalid", errors=errors))
        response = submit(visitor, LINK, new_password="password", again="password")
        assert (response.status_code, read(response).one("p", id="new_password-fault").text) == (400, "Too common.")

    def test_one_that_was_used_meanwhile_offers_another(
        self, visitor: Client, services: Services, begin_session: BeginSession
    ) -> None:
        session, _pair = begin_session()
        services.users.on("POST", "/auth/password-reset/confirm/", SPENT)
        response = submit(visitor, LINK, new_password=NEW, again=NEW)
        assert (response.status_code, heading(response)) == (404, "This link does not work any more")
        assert Session.objects.get(pk=session.pk).revoked_at is None

    def test_while_the_service_is_out_its_page_comes_back(self, visitor: Client, services: Services) -> None:
        services.users.on("POST", "/password-resets/", CircuitRejected("users", 3))
        response = visitor.get(LINK, headers=HTML)
        assert (response.status_code, response["Retry-After"]) == (503, "3")
        assert [each for each in read(response).elements if "data-comes-back" in each.attributes]
        services.users.on("POST", "/auth/password-reset/confirm/", Unreachable("users", "10.0.0.1"))

    def test_a_form_without_its_csrf_token_sets_nothing(self, visitor: Client, services: Services) -> None:
        assert visitor.post(LINK, {"new_password": NEW, "again": NEW}, headers=HTML).status_code == 403
        assert services.calls == []


class TestTheApi:
    def test_a_reset_ends_the_sessions_of_its_account(self, services: Services, begin_session: BeginSession) -> None:
        session, _pair = begin_session()
        services.users.on("POST", "/auth/password-reset/confirm/", answer(204))
        body = {"user_id": USER_ID, "token": "x-y", "new_password": NEW}
        assert send(Client(), "POST", CONFIRM, body).status_code == 204
        assert Session.objects.get(pk=session.pk).revoked_because == "password reset"

    def test_a_refused_one_ends_nothing(self, services: Services, begin_session: BeginSession) -> None:
        session, _pair = begin_session()
        services.users.on("POST", "/auth/password-reset/confirm/", SPENT)
        refused = send(Client(), "POST", CONFIRM, {"user_id": USER_ID, "token": "x-y", "new_password": NEW})
        assert (refused.status_code, refused.json()["type"]) == (404, "/problems/reset-link-invalid")
        assert Session.objects.get(pk=session.pk).revoked_at is None


@pytest.mark.parametrize("path", ["/password-reset/", LINK])
def test_each_page_that_asks_a_service_counts_as_a_request(
    path: str, visitor: Client, services: Services, settings: Any
) -> None:
    services.users.on("POST", "/auth/password-reset/", answer(204))
    services.users.on("POST", "/auth/password-reset/confirm/", SPENT)
    token = read(visitor.get(path, headers=HTML)).main.one("input", name="csrfmiddlewaretoken").attributes["value"]
    form = {"csrfmiddlewaretoken": token, "account": "ada", "new_password": NEW, "again": NEW}
    visitor.post(path, form, headers=HTML)
    settings.THROTTLES = settings.THROTTLES | {"address": 1}
    calls = len(services.users.calls)
    refused = visitor.post(path, form, headers=HTML)
    assert (refused.status_code, len(services.users.calls)) == (429, calls)
    assert "Retry-After" in refused


def test_a_link_s_page_counts_too(visitor: Client, services: Services, settings: Any) -> None:
    settings.THROTTLES = settings.THROTTLES | {"address": 1}
    assert [visitor.get(LINK, headers=HTML).status_code for _ in range(2)] == [200, 429]
