"""Who speaks to a system, and what its answers must be."""

import time
from collections.abc import Callable, Iterator
from typing import Any, Self
from urllib.parse import urlsplit

import requests

HANG_S = 20  # no answer takes this long; the deadlines proper are asserted where they matter
RENEW_AFTER_S = 200  # an access token lives for 300


class Client:
    """HTTP with one base URL. Signed in, it sends its access token with each request.

    `remember` is told of each token it gets, so that logs can be searched for them.
    """

    def __init__(self, base_url: str, remember: Callable[[str], None] = lambda token: None) -> None:
        self.base_url = base_url
        self.user: dict[str, Any] = {}
        self.access = self.refresh = ""
        self._renew_at_s = float("inf")
        self._remember = remember
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=64))

    def close(self) -> None:
        self._session.close()

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        if time.monotonic() > self._renew_at_s:
            self._renew_at_s = float("inf")
            self.renew()
        headers = {"Authorization": f"Bearer {self.access}"} if self.access else {}
        headers |= options.pop("headers", {})
        options = {"timeout": HANG_S, "allow_redirects": False, **options}
        return self._session.request(method, self.base_url + path, headers=headers, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> requests.Response:
        return self.request("POST", path, json=body, **options)

    def put(self, path: str, body: Any = None, **options: Any) -> requests.Response:
        return self.request("PUT", path, json=body, **options)

    def patch(self, path: str, body: Any = None, **options: Any) -> requests.Response:
        return self.request("PATCH", path, json=body, **options)

    def delete(self, path: str, **options: Any) -> requests.Response:
        return self.request("DELETE", path, **options)

    def register(self, username: str, password: str) -> dict[str, Any]:
        body = {"username": username, "email": f"{username}@shop.example", "password": password}
        user: dict[str, Any] = succeeded(self.post("/api/auth/register/", body), 201)
        return user

    def signed_in(self, username: str, password: str) -> Self:
        self.keep(self.post("/api/auth/token/", {"username": username, "password": password}))
        self.user = succeeded(self.get("/api/users/me/"))
        return self

    def renew(self) -> requests.Response:
        """Ask for the next pair of tokens; a refusal leaves the present one."""
        response = self.post("/api/auth/token/refresh/", {"refresh": self.refresh})
        if response.status_code == 200:
            self.keep(response)
        return response

    def keep(self, response: requests.Response) -> None:
        pair = succeeded(response)
        assert set(pair) == {"access", "refresh"}
        self.access, self.refresh = pair["access"], pair["refresh"]
        self._renew_at_s = time.monotonic() + RENEW_AFTER_S
        self._remember(self.access)
        self._remember(self.refresh)

    def pages(self, path: str, link: str = "next") -> Iterator[dict[str, Any]]:
        """Every page from `path` on, by its own links."""
        following: str | None = path
        while following:
            page = succeeded(self.get(following))
            yield page
            following = page[link]


def succeeded(response: requests.Response, status: int = 200) -> Any:
    """The body of an answer that must be JSON with `status`."""
    assert response.status_code == status, (response.status_code, response.text)
    assert response.headers["Content-Type"] == "application/json"
    return response.json()


def done(response: requests.Response) -> None:
    """An answer that must be 204, without a body."""
    assert (response.status_code, response.content) == (204, b""), (response.status_code, response.text)


def problem(response: requests.Response, status: int, slug: str) -> dict[str, Any]:
    """The body of an answer that must be the problem `slug` (RFC 9457)."""
    assert response.headers["Content-Type"] == "application/problem+json", (response.status_code, response.text)
    body: dict[str, Any] = response.json()
    assert (response.status_code, body["status"], body["type"]) == (status, status, f"/problems/{slug}"), body
    assert {"type", "title", "status", "detail", "instance", "request_id"} <= set(body)
    assert body["instance"] == urlsplit(response.url).path
    assert body["request_id"] == response.headers["X-Request-ID"]
    return body
