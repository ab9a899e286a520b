"""The API in a browser: forms for who may use them, links that lead on, and text that stays text."""

import json
from collections import Counter
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client
from django.urls import resolve

from gateway_project.routing.routes import ROUTES
from tests.gateway.clients import HTML, BeginSession, browser, send, slug
from tests.gateway.fakes import Services, answer, problem
from tests.gateway.pages import Page, read
from tests.support.examples import (
    CATEGORY,
    MOVEMENT,
    NEW_PRODUCT,
    ORDER,
    ORDER_ID,
    PRODUCT,
    PRODUCT_ID,
    STAFF_ID,
    USER,
    USER_ID,
    page,
)

PRODUCT_PATH = f"/api/products/{PRODUCT_ID}/"
ORDER_PATH = f"/api/orders/{ORDER_ID}/"
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</textarea></pre><svg onload=alert(1)>",
    "' onmouseover='alert(1)",
    '"/api/x" onclick="alert(1)',
    '"id": "x" onclick="alert(1)',
    "&lt;b&gt; &quot;/api/&quot;&gt;<b>",
    "javascript:alert(1) http://evil.example/",
    "{{ settings.SECRET_KEY }}{% debug %}",
)


def visit(client: Client, path: str) -> Page:
    return read(client.get(path, headers=HTML))


def content(page: Page) -> str:
    """All that is shown, without white space."""
    return "".join("".join(element.text.split()) for element in page.elements)


@pytest.fixture(autouse=True)
def _stocked(services: Services) -> None:
    services.products.on("GET", "/products/", answer(200, page(PRODUCT, next="/products/?page_size=1&cursor=a%3D")))
    services.products.on("GET", f"/products/{PRODUCT_ID}/", answer(200, PRODUCT, ETag='"v1"'))
    services.products.on("GET", f"/products/{PRODUCT_ID}/stock/", answer(200, page(MOVEMENT)))
    services.products.on("GET", "/categories/", answer(200, page(CATEGORY)))
    services.products.on("GET", "/categories/board-games/", answer(200, CATEGORY))
    services.orders.on("GET", "/orders/", answer(200, page(ORDER)))
    services.orders.on("GET", f"/orders/{ORDER_ID}/", answer(200, ORDER))
    services.users.on("GET", "/users/", answer(200, page(USER)))
    services.users.on("GET", "/users/me/", answer(200, USER))
    services.users.on("GET", f"/users/{USER_ID}/", answer(200, USER))


PAGES = [
    "/api/",
    "/api/products/",
    PRODUCT_PATH,
    f"{PRODUCT_PATH}stock/",
    "/api/categories/",
    "/api/categories/board-games/",
    "/api/orders/",
    ORDER_PATH,
    "/api/users/",
    "/api/users/me/",
    f"/api/users/{USER_ID}/",
    "/api/auth/sessions/",
    "/api/status/",
]


@pytest.mark.parametrize("path", PAGES)
def test_every_link_of_every_page_leads_somewhere_on_the_gateway(path: str, staff: Client) -> None:
    links = visit(staff, path).links
    assert len(links) > 4
    for link in links:
        parts = urlsplit(link)
        assert (parts.scheme, parts.netloc) == ("", "")
        resolve(parts.path or path)


@pytest.mark.parametrize("path", PAGES)
def test_every_page_uses_local_files_only(path: str, staff: Client) -> None:
    found = visit(staff, path)
    sources = [element.attributes.get("src") for element in found.all("script")]
    sources += [element.attributes["href"] for element in found.all("link")]
    assert [source for source in sources if source and not source.startswith("/static/")] == []


def test_the_index_links_every_resource(anonymous: Client) -> None:
    links = set(visit(anonymous, "/api/").links)
    index = anonymous.get("/api/").json()
    own = ("auth/logout", "auth/sessions", "auth/token", "auth/token/refresh", "auth/token/verify")
    resources = {route.path.rstrip("/") for route in ROUTES if "<" not in route.path}
    assert index == {name: f"/api/{name}/" for name in {*own, *resources, "docs", "schema", "status"}}
    assert set(index.values()) <= links


def test_what_an_answer_names_is_a_link_to_it(staff: Client) -> None:
    links = visit(staff, "/api/products/").links
    assert PRODUCT_PATH in links
    assert "/api/categories/board-games/" in links
    assert "/api/products/?page_size=1&cursor=a%3D" in links
    links = visit(staff, "/api/orders/").links
    assert {ORDER_PATH, PRODUCT_PATH, f"/api/users/{USER_ID}/"} <= set(links)


@pytest.mark.parametrize(
    ("path", "of_user", "of_staff"),
    [
        ("/api/products/", set(), {"POST"}),
        (PRODUCT_PATH, {"POST"}, {"POST", "PATCH", "DELETE"}),  # anyone may order it
        (f"{PRODUCT_PATH}stock/", set(), {"POST"}),
        ("/api/categories/", set(), {"POST"}),
        ("/api/categories/board-games/", set(), {"PATCH", "DELETE"}),
        ("/api/orders/", {"POST"}, {"POST"}),
        (ORDER_PATH, {"POST", "PATCH"}, {"POST", "PATCH"}),
        ("/api/users/me/", {"POST", "PATCH", "DELETE"}, {"POST", "PATCH", "DELETE"}),
    ],
)
def test_only_who_may_use_a_form_sees_it(
    path: str, of_user: set[str], of_staff: set[str], user: Client, staff: Client
) -> None:
    assert visit(user, path).methods == of_user
    assert visit(staff, path).methods == of_staff


def test_who_is_not_signed_in_is_led_to_the_sign_in_page_and_back(anonymous: Client, services: Services) -> None:
    response = anonymous.get("/api/products/?search=a", headers=HTML)
    assert response.status_code == 401
    assert "/login/?next=/api/products/%3Fsearch%3Da" in read(response).links
    assert read(response).methods == set()
    assert services.calls == []


def test_the_form_of_a_thing_is_filled_with_it(staff: Client) -> None:
    [fields] = [fields for method, path, fields in visit(staff, PRODUCT_PATH).forms if "sku" in fields]
    assert fields["sku"] == "GO-19"
    assert fields["price"] == "149.90"
    assert fields["description"] == "Of kaya wood."
    assert not {"stock", "id"} & set(fields)


@pytest.mark.parametrize("path", [PRODUCT_PATH, "/api/categories/board-games/", "/api/users/me/"])
def test_the_raw_form_of_a_thing_can_be_sent_as_it_stands(path: str, staff: Client, services: Services) -> None:
    raw = json.loads(visit(staff, path).one("textarea", id="raw-PUT").text)
    services.products.otherwise = services.users.otherwise = problem(409)
    assert send(staff, "PUT", path, raw).status_code == 409
    assert raw.keys() >= {"name"} or raw.keys() >= {"username"}


def csrf(client: Client, path: str = "/api/") -> dict[str, str]:
    return {"csrfmiddlewaretoken": visit(client, path).all("input", name="csrfmiddlewaretoken")[0].attributes["value"]}


def test_a_form_reaches_the_service_as_json(begin_session: BeginSession, services: Services) -> None:
    client = browser(begin_session(STAFF_ID, "grace", is_staff=True)[1])
    services.products.on("POST", "/products/", answer(201, PRODUCT))
    response = client.post("/api/products/", NEW_PRODUCT | {"stock": "3"} | csrf(client), headers=HTML)
    assert (response.status_code, response["Location"]) == (303, "/api/products/")
    assert services.products.last_body == NEW_PRODUCT | {"stock": 3}


def test_the_rows_of_an_orders_form_that_are_empty_do_not_count(
    begin_session: BeginSession, services: Services
) -> None:
    client = browser(begin_session()[1])
    services.orders.on("POST", "/orders/", answer(201, ORDER))
    rows = {"items[0]product_id": PRODUCT_ID, "items[0]quantity": "2"}
    empty = {f"items[{row}]{name}": "" for row in (1, 2) for name in ("product_id", "quantity")}
    assert client.post("/api/orders/", rows | empty | csrf(client), headers=HTML).status_code == 303
    assert services.orders.last_body["items"] == [{"product_id": PRODUCT_ID, "quantity": 2}]
    response = client.post("/api/orders/", empty | csrf(client), headers=HTML)
    assert response.status_code == 400
    assert len(services.orders.calls) == 1


def shape(response: HttpResponse) -> Counter[tuple[str, tuple[str, ...]]]:
    """The page's elements with the names of their attributes; links aside, for a text may gain or lose one."""
    elements = [element for element in read(response).elements if element.tag != "a"]
    return Counter((element.tag, tuple(element.attributes)) for element in elements)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_adds_no_markup(text: str, staff: Client, services: Services) -> None:
    order = ORDER | {"note": "benign", "reason": "benign"}
    services.orders.on("GET", f"/orders/{ORDER_ID}/", answer(200, order))
    services.products.on("GET", "/products/", answer(200, page(PRODUCT)))
    benign = {path: shape(staff.get(path, headers=HTML)) for path in (PRODUCT_PATH, "/api/products/", ORDER_PATH)}
    product = PRODUCT | {"name": text, "description": text, "sku": text[:40]}
    services.products.on("GET", f"/products/{PRODUCT_ID}/", answer(200, product))
    services.products.on("GET", "/products/", answer(200, page(product)))
    services.orders.on("GET", f"/orders/{ORDER_ID}/", answer(200, ORDER | {"note": text, "reason": text}))
    for path, expected in benign.items():
        response = staff.get(path, headers=HTML)
        assert shape(response) == expected
        found = read(response)
        assert [link for link in found.links if not link.startswith(("/", "?", "http://evil.example/"))] == []
        assert settings.SECRET_KEY not in response.content.decode()
        assert "".join(json.dumps(text)[1:-1].split()) in content(found)


@pytest.mark.parametrize("text", HOSTILE[:4])
def test_a_hostile_refusal_or_query_adds_no_markup(text: str, staff: Client, services: Services) -> None:
    services.products.on("GET", "/products/", problem(409, detail="benign"))
    expected = shape(staff.get("/api/products/", {"search": "benign"}, headers=HTML))
    services.products.on("GET", "/products/", problem(409, detail=text))
    assert shape(staff.get("/api/products/", {"search": text}, headers=HTML)) == expected


@pytest.mark.parametrize(
    "accept", ["application/json", "*/*", "", "application/*", "text/html;q=0.5, application/json"]
)
def test_programs_get_json(accept: str, user: Client) -> None:
    response = user.get(PRODUCT_PATH, headers={"Accept": accept} if accept else {})
    assert response["Content-Type"] == "application/json"
    assert response.json() == PRODUCT


def test_the_format_can_be_chosen_by_parameter(user: Client) -> None:
    assert read(user.get(f"{PRODUCT_PATH}?format=api")).one("h1").text == "Go board, 19 × 19"
    assert user.get(f"{PRODUCT_PATH}?format=json", headers=HTML).json() == PRODUCT
    unknown = user.get(f"{PRODUCT_PATH}?format=xml")
    assert (unknown.status_code, slug(unknown)) == (404, "not-found")


@pytest.mark.parametrize("path", ["/api/", PRODUCT_PATH, "/api/auth/sessions/", "/api/schema/"])
def test_a_type_that_nobody_speaks_is_406(path: str, user: Client, services: Services) -> None:
    response = user.get(path, headers={"Accept": "image/png"})
    assert (response.status_code, slug(response)) == (406, "not-acceptable")
    assert services.calls == []


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/api/", "GET, HEAD, OPTIONS"),
        ("PUT", "/api/products/", "GET, POST, OPTIONS, HEAD"),
        ("POST", PRODUCT_PATH, "GET, PUT, PATCH, DELETE, OPTIONS, HEAD"),
        ("PUT", ORDER_PATH, "GET, PATCH, DELETE, OPTIONS, HEAD"),
        ("GET", "/api/auth/token/", "POST, OPTIONS"),
        ("TRACE", "/api/products/", "GET, POST, OPTIONS, HEAD"),
        ("BREW", "/api/products/", "GET, POST, OPTIONS, HEAD"),
        ("POST", "/api/schema/", "GET, HEAD"),
        ("POST", "/api/docs/", "GET, HEAD"),
    ],
)
def test_a_method_that_a_path_lacks_is_405(
    method: str, path: str, allowed: str, staff: Client, services: Services
) -> None:
    response = send(staff, method, path)
    assert (response.status_code, slug(response), response["Allow"]) == (405, "method-not-allowed", allowed)
    assert services.calls == []
