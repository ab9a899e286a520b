"""What the services' suites share: clients with real internal tokens, and checks of the answers."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.urls import URLPattern
from rest_framework.test import APIClient

from common.identity import TokenIssuer
from tests.support import threads


class ServiceClient(APIClient):
    default_format = "json"


def client_for(user_id: UUID | None = None, *, is_staff: bool = False, caller: str = "gateway") -> ServiceClient:
    """A client that calls as the service `caller`, on behalf of a user, with a token of their own key."""
    issuer = TokenIssuer(caller, settings.SERVICE_NAME, settings.CALLER_KEYS[caller])
    return client_with(issuer.issue(user_id, is_staff=is_staff))


def client_with(token: str) -> ServiceClient:
    client = ServiceClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


def problem(response: Any, status: int, slug: str) -> dict[str, Any]:
    """The body of an answer, which must be the problem `slug`."""
    assert response["Content-Type"] == "application/problem+json", response.content
    body: dict[str, Any] = response.json()
    assert (response.status_code, body["status"], body["type"]) == (status, status, f"/problems/{slug}"), body
    return body


def faults(response: Any) -> list[tuple[str, str]]:
    """The pointer and code of each error of an answer, which must be a 400."""
    return [(error["pointer"], error["code"]) for error in problem(response, 400, "invalid")["errors"]]


def pages(client: ServiceClient, path: str, link: str = "next") -> Iterator[dict[str, Any]]:
    """The page at `path`, and all pages that its links lead to."""
    following: str | None = path
    while following:
        response = client.get(following)
        assert response.status_code == 200, response.content
        page = response.json()
        yield page
        following = page[link]


def routes(patterns: list[URLPattern], **parameters: str) -> list[tuple[str, str, str]]:
    """The method, route and path of everything that `patterns` answer. `parameters` fill the paths."""
    found = []
    for pattern in patterns:
        route, path = str(pattern.pattern), f"/{pattern.pattern}"
        for name, value in parameters.items():
            path = path.replace(f"<uuid:{name}>", value).replace(f"<slug:{name}>", value)
        view = pattern.callback.cls
        methods = [method for method in view.http_method_names if hasattr(view, method)]
        found += [(method, route, path) for method in methods]
    return found


def race(*calls: Callable[[], Any]) -> list[Any]:
    """As `threads.race`, with the database connection of each thread open before they start."""
    return threads.race(*calls, prepare=lambda: connection.ensure_connection())
