"""Registering in a browser: the API's rules, what was typed kept, and signed in afterwards."""

from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from common.upstream import Unreachable
from gateway_project.auth.authentication import ACCESS_COOKIE
from gateway_project.auth.models import Session
from gateway_project.auth.tokens import read_access
from tests.gateway.clients import HTML, BeginSession, browser
from tests.gateway.fakes import Services, answer, problem
from tests.gateway.pages import Page, read
from tests.support.examples import ACCOUNT, USER, USER_ID

FORM = {
    "username": "ada",
    "email": "ada@example.com",
    "password": "violet-harbour-9",
    "first_name": "Ada",
    "last_name": "",
}


@pytest.fixture
def visitor(db: None) -> Client:
    return browser()


def submit(client: Client, path: str = "/register/", **changes: str) -> HttpResponse:
    shown = read(client.get(path, headers=HTML)).main
    hidden = {each.attributes["name"]: each.attributes.get("value", "") for each in shown.all("input", type="hidden")}
    response: HttpResponse = client.post("/register/", hidden | FORM | changes, headers=HTML)
    return response


def fault_at(page: Page, name: str) -> str:
    field = page.one("input", id=name)
    assert field.attributes["aria-invalid"] == "true"
    assert f"{name}-fault" in field.attributes["aria-describedby"].split()
    return page.one("p", id=f"{name}-fault").text


def test_the_page_tells_the_rules(visitor: Client) -> None:
    shown = read(visitor.get("/register/", headers=HTML)).main
    assert "At least 8 characters" in shown.one("p", id="password-help").text
    password = shown.one("input", name="password").attributes
    assert (password["type"], password["autocomplete"]) == ("password", "new-password")
    assert shown.one("input", name="email").attributes["type"] == "email"
    assert "/login/?next=/" in shown.links


def test_a_new_account_is_signed_in(visitor: Client, services: Services) -> None:
    services.users.on("POST", "/auth/register/", answer(201, USER, Location=f"/users/{USER_ID}/"))
    services.users.on("GET", f"/accounts/{USER_ID}/", answer(200, ACCOUNT))
    response = submit(visitor, "/register/?next=/api/orders/", username=" ada ")
    assert (response.status_code, response["Location"]) == (302, "/api/orders/")
    assert services.users.calls[0].path == "/auth/register/"
    assert read_access(response.cookies[ACCESS_COOKIE].value).session_id == Session.objects.get().pk
    assert "plaza_device" in response.cookies
    services.users.on("GET", "/users/me/", answer(200, USER))
    assert visitor.get("/api/users/me/").json() == USER
    assert "Welcome, ada. You are signed in." in visitor.get("/", headers=HTML).content.decode()


@pytest.mark.parametrize(
    ("changes", "faulty"),
    [
        ({"email": "nowhere"}, {"email": "Enter a valid email address."}),
        ({"username": "", "email": ""}, {"username": "This field may not be blank."}),
        ({"username": "a b"}, {"username": "Enter a valid username."}),
    ],
)
def test_a_wrong_form_comes_back_as_typed(
    changes: dict[str, str], faulty: dict[str, str], visitor: Client, services: Services
) -> None:
    response = submit(visitor, **changes)
    assert response.status_code == 400
    shown = read(response).main
    assert shown.one("strong").text.startswith("Invalid input.")
    for name, fault in faulty.items():
        assert fault_at(shown, name).startswith(fault)
    typed = FORM | changes
    for name in ("username", "email", "first_name"):
        assert shown.one("input", name=name).attributes.get("value", "") == typed[name]
    assert "value" not in shown.one("input", name="password").attributes
    assert typed["password"] not in response.content.decode()
    assert services.calls == []


@pytest.mark.parametrize(
    ("reply", "field", "fault"),
    [
        (
            problem(400, "invalid", errors=[{"pointer": "/password", "detail": "Too common.", "code": "invalid"}]),
            "password",
            "Too common.",
        ),
        (problem(409, "username-taken", detail="Somebody has it."), "username", "Somebody has it."),
    ],
)
def test_what_the_service_refuses_is_shown_in_the_same_way(
    reply: Any, field: str, fault: str, visitor: Client, services: Services
) -> None:
    services.users.otherwise = reply
    response = submit(visitor)
    assert response.status_code == reply.status
    shown = read(response).main
    assert fault_at(shown, field) == fault
    assert shown.one("input", name="email").attributes["value"] == FORM["email"]
    assert Session.objects.count() == 0


def test_a_fault_of_no_field_is_shown_above(visitor: Client, services: Services) -> None:
    errors = [{"pointer": "", "detail": "Not on a Sunday.", "code": "invalid"}]
    services.users.otherwise = problem(400, "invalid", errors=errors)
    assert (
        "Not on a Sunday."
        in read(submit(visitor)).main.one("div", role="alert").text + submit(visitor).content.decode()
    )


def test_while_the_service_is_out_the_form_is_kept(visitor: Client, services: Services) -> None:
    services.users.otherwise = Unreachable("users", "10.0.0.1")
    response = submit(visitor)
    assert response.status_code == 502
    assert read(response).main.one("input", name="username").attributes["value"] == "ada"
    assert "10.0.0.1" not in response.content.decode()


def test_who_can_not_be_signed_in_now_is_sent_to_the_sign_in_page(visitor: Client, services: Services) -> None:
    services.users.on("POST", "/auth/register/", answer(201, USER))
    services.users.on("GET", f"/accounts/{USER_ID}/", Unreachable("users", "down"))
    response = submit(visitor)
    assert (response.status_code, response["Location"]) == (302, "/login/")
    assert "Your account is there. Sign in with it." in visitor.get("/login/", headers=HTML).content.decode()


def test_who_is_signed_in_is_sent_on(begin_session: BeginSession) -> None:
    response = browser(begin_session()[1]).get("/register/", headers=HTML)
    assert (response.status_code, response["Location"]) == (302, "/")


def test_a_form_without_its_csrf_token_makes_no_account(visitor: Client, services: Services) -> None:
    assert visitor.post("/register/", FORM, headers=HTML).status_code == 403
    assert services.calls == []


def test_registering_is_throttled(visitor: Client, services: Services, settings: Any) -> None:
    settings.THROTTLES = settings.THROTTLES | {"address": 1}
    services.users.otherwise = problem(409, "username-taken")
    assert submit(visitor).status_code == 409
    refused = submit(visitor)
    assert (refused.status_code, refused["Retry-After"].isdigit()) == (429, True)
    assert read(refused).main.one("input", name="username").attributes["value"] == "ada"
