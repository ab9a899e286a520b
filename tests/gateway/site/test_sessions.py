"""One's own sign-ins in a browser."""

import pytest
from django.http import HttpResponse
from django.test import Client

from gateway_project.auth.authentication import REFRESH_COOKIE
from gateway_project.auth.models import Session
from gateway_project.auth.tokens import TokenPair
from tests.gateway.clients import HTML, BeginSession, browser
from tests.gateway.pages import Page, read
from tests.support.examples import OTHER_ID


@pytest.fixture
def here(begin_session: BeginSession) -> tuple[Session, TokenPair]:
    return begin_session()


@pytest.fixture
def client(here: tuple[Session, TokenPair]) -> Client:
    return browser(here[1])


def shown(client: Client, path: str = "/sessions/") -> Page:
    return read(client.get(path, headers=HTML)).main


def submit(client: Client, **form: str) -> HttpResponse:
    token = shown(client).all("input", name="csrfmiddlewaretoken")[0].attributes["value"]
    response: HttpResponse = client.post("/sessions/", {"csrfmiddlewaretoken": token, **form}, headers=HTML)
    return response


def ids(page: Page) -> list[str]:
    return [each.attributes["value"] for each in page.all("input", name="session")]


def open_sessions() -> set[str]:
    return {str(session.pk) for session in Session.objects.filter(revoked_at=None)}


def test_the_page_shows_ones_own_and_which_is_this_one(
    client: Client, here: tuple[Session, TokenPair], begin_session: BeginSession
) -> None:
    other, _ = begin_session()
    begin_session(OTHER_ID, "bea")
    page = shown(client)
    assert ids(page) == [str(other.pk), str(here[0].pk)]
    assert [badge.text for badge in page.all("span", **{"class": "badge good"})] == ["this one"]
    assert [button.text for button in page.all("button")] == ["End", "Sign out", "Yes, sign out everywhere"]


def test_one_is_ended(client: Client, here: tuple[Session, TokenPair], begin_session: BeginSession) -> None:
    other, _ = begin_session()
    response = submit(client, session=str(other.pk))
    assert (response.status_code, response["Location"]) == (302, "/sessions/")
    assert open_sessions() == {str(here[0].pk)}
    assert "That sign-in has ended." in client.get("/sessions/", headers=HTML).content.decode()


def test_ending_this_one_signs_out(client: Client, here: tuple[Session, TokenPair]) -> None:
    response = submit(client, session=str(here[0].pk))
    assert (response.status_code, response["Location"]) == (302, "/login/")
    assert response.cookies[REFRESH_COOKIE].value == ""
    assert open_sessions() == set()


def test_all_are_ended(client: Client, begin_session: BeginSession) -> None:
    begin_session()
    stranger, _ = begin_session(OTHER_ID, "bea")
    response = submit(client, all="yes")
    assert (response.status_code, response["Location"]) == (302, "/login/")
    assert open_sessions() == {str(stranger.pk)}


@pytest.mark.parametrize("session", ["", "x", OTHER_ID, "another's"])
def test_what_is_not_ones_own_does_not_exist(session: str, client: Client, begin_session: BeginSession) -> None:
    stranger, _ = begin_session(OTHER_ID, "bea")
    before = open_sessions()
    response = submit(client, session=str(stranger.pk) if session == "another's" else session)
    assert response.status_code == 404
    assert open_sessions() == before


def test_a_form_without_its_token_ends_nothing(client: Client) -> None:
    before = open_sessions()
    assert client.post("/sessions/", {"all": "yes"}, headers=HTML).status_code == 403
    assert open_sessions() == before


def test_it_is_paged_as_the_api_is(client: Client, begin_session: BeginSession) -> None:
    for _ in range(4):
        begin_session()
    first = shown(client, "/sessions/?page_size=2")
    [following] = [link for link in first.links if "cursor" in link]
    second = shown(client, following)
    third = shown(client, second.one("a", rel="next").attributes["href"])
    assert [len(ids(page)) for page in (first, second, third)] == [2, 2, 1]
    assert {*ids(first), *ids(second), *ids(third)} == open_sessions()


def test_unknown_parameters_are_400(client: Client) -> None:
    assert client.get("/sessions/?search=x", headers=HTML).status_code == 400


@pytest.mark.parametrize("method", ["get", "post"])
def test_who_is_not_signed_in_is_led_to_the_sign_in_page(method: str, db: None) -> None:
    response = getattr(Client(), method)("/sessions/", headers=HTML)
    assert (response.status_code, response["Location"]) == (302, "/login/?next=/sessions/")
