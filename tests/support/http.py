"""An HTTP client for tests, and checks of what it is answered."""

import time
from collections.abc import Callable, Iterator
from typing import Any, Self
from urllib.parse import urlsplit

import requests

HANG_S = 20  # no answer takes this long; where a real deadline matters, the test asserts it
RENEW_AFTER_S = 200  # an access token lives for 300


class Client:
    """Requests to one base URL. Once signed in, it sends its access token with each of them.

    `remember` is called with each token that it receives, so that a test can search the logs for them.
    """

    def __init__(self, base_url: str, remember: Callable[[str], None] = lambda token: None) -> None:
        self.base_url = base_url
        self.user: dict[str, Any] = {}
        self.refresh = self._access = ""
        self._renew_at_s = float("inf")
        self._remember = remember
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=64))

    def close(self) -> None:
        self._session.close()

    @property
    def access(self) -> str:
        """Its access token, renewed before it gets too old; empty when not signed in."""
        self.renew_if_due()
        return self._access

    @access.setter
    def access(self, token: str) -> None:
        self._access = token

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """One request. `options` are those of `requests`."""
        access = self.access
        headers = {"Authorization": f"Bearer {access}"} if access else {}
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
        self._use_tokens(self.post("/api/auth/token/", {"username": username, "password": password}))
        self.user = succeeded(self.get("/api/users/me/"))
        return self

    def renew_if_due(self, ahead_s: float = 0) -> None:
        """Whoever reads `access` does this, so each request too. A test that counts what changes does it `ahead_s`."""
        if time.monotonic() > self._renew_at_s - ahead_s:
            self._renew_at_s = float("inf")
            self.renew()

    def renew(self) -> requests.Response:
        """Ask for the next pair of tokens. When that is refused, the client keeps the pair it has."""
        response = self.post("/api/auth/token/refresh/", {"refresh": self.refresh})
        if response.status_code == 200:
            self._use_tokens(response)
        return response

    def pages(self, path: str, link: str = "next") -> Iterator[dict[str, Any]]:
        """The page at `path` and all those that its `link` leads to."""
        following: str | None = path
        while following:
            page = succeeded(self.get(following))
            yield page
            following = page[link]

    def _use_tokens(self, response: requests.Response) -> None:
        pair = succeeded(response)
        assert set(pair) == {"access", "refresh"}
        self.access, self.refresh = pair["access"], pair["refresh"]
        self._renew_at_s = time.monotonic() + RENEW_AFTER_S
        self._remember(self.access)
        self._remember(self.refresh)


def succeeded(response: requests.Response, status: int = 200) -> Any:
    """The body of an answer that must be JSON with `status`."""
    assert response.status_code == status, (response.status_code, response.text)
    assert response.headers["Content-Type"] == "application/json"
    return response.json()


def assert_no_content(response: requests.Response) -> None:
    """The answer must be a 204 without a body."""
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
