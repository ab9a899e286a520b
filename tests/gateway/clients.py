"""Who asks, and how."""

import json
from typing import Any, Protocol

from django.http import HttpResponse
from django.test import Client

from gateway_project.auth.authentication import ACCESS_COOKIE, REFRESH_COOKIE
from gateway_project.auth.models import Session
from gateway_project.auth.tokens import TokenPair

HTML = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}  # as browsers say it


class BeginSession(Protocol):
    def __call__(
        self, user_id: str = ..., username: str = ..., *, is_staff: bool = ...
    ) -> tuple[Session, TokenPair]: ...


def signed_in(pair: TokenPair) -> Client:
    """A program with its token in the header."""
    return Client(headers={"Authorization": f"Bearer {pair.access}"})


def browser(pair: TokenPair | None = None) -> Client:
    """A browser with its tokens in cookies, held to CSRF."""
    client = Client(enforce_csrf_checks=True)
    if pair:
        client.cookies[ACCESS_COOKIE] = pair.access
        client.cookies[REFRESH_COOKIE] = pair.refresh
    return client


def send(client: Client, method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
    """A request with `body` as JSON; header names with "_" for "-"."""
    content = b"" if body is None else json.dumps(body).encode()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    response: HttpResponse = client.generic(method, path, content, "application/json", headers=names)
    return response


def slug(response: HttpResponse) -> str:
    """Which problem a response is, after checking that it is one, and of this very request."""
    assert response["Content-Type"] == "application/problem+json"
    body = json.loads(response.content)
    assert body["status"] == response.status_code
    assert body["instance"] == response.wsgi_request.path  # type: ignore[attr-defined]
    assert body["request_id"] == response["X-Request-ID"]
    return str(body["type"]).removeprefix("/problems/")


def faults(response: HttpResponse) -> dict[str, str]:
    """Of a 400 for bad input: each pointer and its code."""
    assert response.status_code == 400
    assert slug(response) == "invalid"
    return {fault["pointer"]: fault["code"] for fault in json.loads(response.content)["errors"]}
