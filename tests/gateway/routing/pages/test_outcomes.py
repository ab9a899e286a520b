from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.contrib import messages

from gateway_project.routing.pages import outcomes


def request(path: str, method: str = "POST", *, is_staff: bool = False, **form: str) -> Any:
    return SimpleNamespace(path=path, method=method, user=SimpleNamespace(is_staff=is_staff), page_form=form)


@pytest.mark.parametrize(
    ("asked", "leads_to"),
    [
        (request("/api/users/me/password/"), "/api/users/me/"),
        (request("/api/auth/register/"), "/login/"),
        (request("/api/users/me/", "DELETE"), "/"),
        (request("/api/users/me/", "DELETE", is_staff=True), "/"),
        (request(f"/api/users/{uuid4()}/", "DELETE", is_staff=True), "/api/users/"),
        (request("/api/auth/sessions/", "DELETE"), "/"),
    ],
)
def test_after_a_success_comes_the_page_that_shows_it(asked: Any, leads_to: str) -> None:
    assert outcomes._next_path(asked, {}, None) == leads_to


@pytest.mark.parametrize(
    ("asked", "status", "level", "text"),
    [
        (request("/api/orders/"), 202, messages.WARNING, "Thank you. Order 1 is taken, and is confirmed as soon as"),
        (request("/api/users/me/password/"), 204, messages.SUCCESS, "Your password was changed."),
        (request("/api/orders/1/cancel/"), 200, messages.SUCCESS, "Order 1 is cancelled now."),
        (request("/api/anything/"), 200, messages.SUCCESS, "Done."),
    ],
)
def test_it_says_what_happened(asked: Any, status: int, level: int, text: str) -> None:
    response = SimpleNamespace(status_code=status)
    found = outcomes._message(asked, response, None, {"status": "cancelled"}, "Order 1")
    assert found[0] == level
    assert found[1].startswith(text)
