"""A problem as a page: whoever asks for one gets it, and programs get the same bytes as ever."""

import json
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from common.upstream import CircuitRejected, Unreachable
from gateway_project.auth import revocation
from gateway_project.auth.errors import RevocationsUnknown
from gateway_project.schemas.problem_types import PROBLEM_TYPES
from tests.gateway.clients import HTML, BeginSession, browser, slug
from tests.gateway.fakes import Services, problem
from tests.gateway.pages import Page, read
from tests.support.examples import PRODUCT_ID

JSON = {"Accept": "application/json"}
BEARER = "Bearer forged"
# Who asks, for what, and which problem it is.
CASES: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "an unknown path": ("user", "GET", "/nowhere/", {}),
    "an unknown path of the API": ("user", "GET", "/api/nowhere/", {}),
    "a malformed id": ("user", "GET", "/api/products/abc/", {}),
    "nobody": ("nobody", "GET", "/api/orders/", {}),
    "a customer at /status/": ("user", "GET", "/status/", {}),
    "a customer among the users": ("user", "GET", "/api/users/", {}),
    "a method": ("user", "PUT", "/status/", {}),
    "a form without its token": ("user", "POST", "/logout/", {}),
    "a long body": ("user", "POST", "/login/", {"data": b"x" * 70_000}),
    "an encoding": ("user", "POST", "/login/", {"headers": {"Content-Encoding": "gzip"}}),
    "no text": ("user", "GET", "/", {"QUERY_STRING": "a=%FF"}),
    "an unknown problem": ("nobody", "GET", "/problems/nothing", {}),
    "a wrong cursor": ("user", "GET", "/sessions/?cursor=x", {}),
}
EXPECTED = {
    "an unknown path": (404, "not-found"),
    "an unknown path of the API": (404, "not-found"),
    "a malformed id": (404, "not-found"),
    "nobody": (401, "not-authenticated"),
    "a customer at /status/": (403, "permission-denied"),
    "a customer among the users": (403, "permission-denied"),
    "a method": (405, "method-not-allowed"),
    "a form without its token": (403, "csrf-failed"),
    "a long body": (413, "body-too-large"),
    "an encoding": (415, "unsupported-media-type"),
    "no text": (400, "bad-request"),
    "an unknown problem": (404, "not-found"),
    "a wrong cursor": (400, "invalid"),
}


@pytest.fixture
def people(begin_session: BeginSession) -> dict[str, Client]:
    return {"user": browser(begin_session()[1]), "nobody": browser()}


def ask(people: dict[str, Client], case: str, accept: dict[str, str]) -> HttpResponse:
    who, method, path, options = CASES[case]
    headers = {**accept, **options.get("headers", {})}
    response: HttpResponse = people[who].generic(method, path, **{**options, "headers": headers})
    return response


def texts(page: Page) -> str:
    return " ".join(element.text for element in page.main.elements)


def steps(page: Page) -> dict[str, str]:
    """The links that lead on: their names and paths."""
    links = page.main.all("a")
    return {each.text: each.attributes["href"] for each in links if "button" in each.attributes.get("class", "")}


@pytest.mark.parametrize("case", CASES)
def test_a_browser_gets_the_problem_as_a_page(case: str, people: dict[str, Client]) -> None:
    response = ask(people, case, HTML)
    status, name = EXPECTED[case]
    assert response.status_code == status
    shown = read(response)
    kind = PROBLEM_TYPES[name]
    assert shown.one("h1").text == str(kind.title)
    assert str(kind.mend) in texts(shown)
    assert response["X-Request-ID"] in texts(shown)
    assert f"/problems/{name}" in shown.main.links
    assert "/" in steps(shown).values()
    assert shown.one("html").attributes["lang"] == "en"
    assert "default-src 'self'" in response["Content-Security-Policy"]
    assert {"Accept", "Accept-Language", "Cookie"} <= set(response["Vary"].split(", "))
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("accept", ["application/json", "*/*", "application/json, text/html;q=0.9", ""])
def test_a_program_gets_the_document(case: str, accept: str, people: dict[str, Client]) -> None:
    response = ask(people, case, {"Accept": accept} if accept else {})
    assert (response.status_code, slug(response)) == EXPECTED[case]
    assert "Accept" in response["Vary"]


def test_format_counts_before_the_accept_header(people: dict[str, Client]) -> None:
    assert slug(people["user"].get("/api/nowhere/?format=json", headers=HTML)) == "not-found"
    assert read(people["user"].get("/api/nowhere/?format=api", headers=HTML)).one("h1").text == "Not found"


def test_an_unreadable_accept_header_is_no_error_of_its_own(people: dict[str, Client]) -> None:
    for accept in ("text/html;q=x", "text/html,,;", "/text/html", "text/html;q=0.1;q=0.9,*/*;q=é"):
        response = people["nobody"].get("/nowhere/", headers={"Accept": accept})
        assert response.status_code == 404, accept


def test_a_head_of_a_problem_has_the_headers_of_its_page(people: dict[str, Client]) -> None:
    for path in ("/nowhere/", "/status/"):
        response = people["user"].head(path, headers=HTML)
        assert (response.status_code, response["Content-Type"]) in {
            (404, "text/html; charset=utf-8"),
            (403, "text/html; charset=utf-8"),
        }


def test_the_page_speaks_the_readers_language(people: dict[str, Client]) -> None:
    response = people["nobody"].get("/nowhere/", headers={**HTML, "Accept-Language": "es"})
    assert read(response).one("html").attributes["lang"] == "es"
    assert response["Content-Language"] == "es"


@pytest.mark.parametrize("case", ["nobody", "an encoding"])
def test_the_languages_of_two_readers_do_not_mix(case: str, people: dict[str, Client]) -> None:
    people["nobody"].get("/nowhere/", headers={**HTML, "Accept-Language": "es"})
    assert read(ask(people, case, HTML)).one("html").attributes["lang"] == "en"


def test_who_is_not_signed_in_is_led_to_the_sign_in_page_and_back(people: dict[str, Client]) -> None:
    shown = read(people["nobody"].get("/api/orders/?status=paid", headers=HTML))
    assert steps(shown)["Sign in"] == "/login/?next=/api/orders/%3Fstatus%3Dpaid"


def test_who_may_not_is_offered_to_be_somebody_else(people: dict[str, Client]) -> None:
    shown = read(people["user"].get("/status/", headers=HTML))
    assert steps(shown) == {"Sign in as somebody else": "/logout/?next=/status/", "Start page": "/"}


def test_a_missing_thing_leads_to_its_list_and_to_where_one_came_from(people: dict[str, Client]) -> None:
    here = {**HTML, "Host": "testserver"}
    came = people["user"].get("/api/products/abc/", headers={**here, "Referer": "http://testserver/api/?a=b"})
    assert steps(read(came)) == {"Back": "/api/?a=b", "Products": "/api/products/", "Start page": "/"}
    for foreign in ("http://evil.example/api/", "http://testserver//evil.example/", "nonsense"):
        came = people["user"].get("/api/products/abc/", headers={**here, "Referer": foreign})
        assert "Back" not in steps(read(came)), foreign


@pytest.mark.parametrize(
    ("fault", "comes_back"),
    [
        (CircuitRejected("products", 3), True),
        (Unreachable("products", "10.0.0.1"), True),
        (problem(500), False),
    ],
)
def test_what_passes_comes_back_by_itself(
    fault: Any, comes_back: bool, people: dict[str, Client], services: Services
) -> None:
    services.products.otherwise = fault
    response = people["user"].get(f"/api/products/{PRODUCT_ID}/", headers=HTML)
    assert response.status_code in (502, 503)
    shown = read(response)
    waiting = [each for each in shown.elements if "data-comes-back" in each.attributes]
    refreshing = shown.all("meta", **{"http-equiv": "refresh"})
    assert (len(waiting), len(refreshing)) == ((1, 1) if comes_back else (0, 0))
    assert steps(shown)["Try again"] == f"/api/products/{PRODUCT_ID}/"
    assert "10.0.0.1" not in response.content.decode()


@pytest.mark.parametrize("path", ["/sessions/", "/status/", "/login/", "/logout/"])
def test_a_page_that_cannot_know_who_asks_says_so(
    path: str, people: dict[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(session_id: object) -> bool:
        raise RevocationsUnknown

    monkeypatch.setattr(revocation.revocations, "is_revoked", unknown)
    assert read(people["user"].get(path, headers=HTML)).one("h1").text == "Service unavailable"
    assert slug(people["user"].get(path)) == "revocations-unknown"


def test_what_was_sent_is_shown_as_text(people: dict[str, Client]) -> None:
    response = people["nobody"].get("/<script>alert(1)</script>/?a=<b>", headers=HTML)
    assert "<script>alert" not in response.content.decode()
    assert "<b>" not in response.content.decode()


def test_the_page_keeps_the_cookie_of_the_forms(people: dict[str, Client]) -> None:
    """Its own form, which chooses the language, must work, and those of other tabs must go on working."""
    visitor = people["nobody"]
    first = read(visitor.get("/login/", headers=HTML)).main.one("input", name="csrfmiddlewaretoken")
    before = visitor.cookies["plaza_csrf"].value
    for case in ("an unknown problem", "an encoding"):
        _who, method, path, options = CASES[case]
        visitor.generic(method, path, **{**options, "headers": {**HTML, **options.get("headers", {})}})
    assert visitor.cookies["plaza_csrf"].value == before
    form = {"language": "es", "csrfmiddlewaretoken": first.attributes["value"]}
    assert visitor.post("/language/", form, headers=HTML).status_code == 302


@pytest.mark.parametrize("slug", PROBLEM_TYPES)
def test_each_type_has_its_page_and_its_document(slug: str, anonymous: Client) -> None:
    kind = PROBLEM_TYPES[slug]
    document = anonymous.get(kind.type)
    assert document.json() == {
        "type": kind.type,
        "title": str(kind.title),
        "status": kind.status,
        "meaning": str(kind.meaning),
        "mend": str(kind.mend),
        "passes": kind.passes,
    }
    shown = read(anonymous.get(kind.type, headers=HTML))
    assert shown.one("h1").text == str(kind.title)
    assert str(kind.mend) in texts(shown)


def test_the_list_has_each_type(anonymous: Client) -> None:
    rows = json.loads(anonymous.get("/problems/", headers=JSON).content)["results"]
    assert [row["type"] for row in rows] == [kind.type for kind in PROBLEM_TYPES.values()]
    response = anonymous.get("/problems/", headers=HTML)
    assert {kind.type for kind in PROBLEM_TYPES.values()} <= set(read(response).links)
    assert "Accept" in response["Vary"]
