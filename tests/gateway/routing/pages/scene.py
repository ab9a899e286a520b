"""A shop whose services answer, and the forms of its pages."""

from typing import Any

from django.http import HttpResponse
from django.test import Client

from tests.gateway.clients import HTML
from tests.gateway.fakes import Services, answer
from tests.gateway.pages import Page, read
from tests.support.examples import (
    CATEGORY,
    MOVEMENT,
    ORDER,
    ORDER_ID,
    OTHER_ID,
    PRODUCT,
    PRODUCT_ID,
    USER,
    USER_ID,
    page,
)

PRODUCT_PATH = f"/api/products/{PRODUCT_ID}/"
ORDER_PATH = f"/api/orders/{ORDER_ID}/"


def stock(services: Services) -> None:
    services.products.on("GET", "/products/", answer(200, page(PRODUCT)))
    services.products.on("GET", f"/products/{PRODUCT_ID}/", answer(200, PRODUCT))
    services.products.on("GET", f"/products/{PRODUCT_ID}/stock/", answer(200, page(MOVEMENT)))
    services.products.on("GET", "/categories/", answer(200, page(CATEGORY)))
    services.products.on("GET", "/categories/board-games/", answer(200, CATEGORY))
    services.orders.on("GET", "/orders/", answer(200, page(ORDER)))
    services.orders.on("GET", f"/orders/{ORDER_ID}/", answer(200, ORDER))
    services.users.on("GET", "/users/", answer(200, page(USER)))
    services.users.on("GET", "/users/me/", answer(200, USER))
    services.users.on("GET", f"/users/{USER_ID}/", answer(200, USER))
    services.users.on("GET", f"/users/{OTHER_ID}/", answer(200, USER | {"id": OTHER_ID, "username": "eve"}))


def visit(client: Client, path: str) -> Page:
    return read(client.get(path, headers=HTML))


def submit(client: Client, at: str, method: str, path: str, typed: Any = (), holding: str = "") -> HttpResponse:
    """The form of the page `at` that sends `method` to `path` and has a field `holding`, sent with what was `typed`."""
    holding = holding or next(iter(typed), "")
    [fields] = [
        fields
        for its_method, its_path, fields in visit(client, at).forms
        if (its_method, its_path) == (method, path) and "_content" not in fields and (holding in fields or not holding)
    ]
    return client.post(path, {"_method": method} | fields | dict(typed), headers=HTML)


def alert(response: HttpResponse) -> list[str]:
    """The texts of what is said on top, when a form was refused."""
    elements = read(response).elements
    start = next(index for index, element in enumerate(elements) if element.attributes.get("role") == "alert")
    return [element.text for element in elements[start : start + 5]]


def message(client: Client, path: str) -> str:
    """What the next page says happened."""
    return visit(client, path).one("p", role="status").text
