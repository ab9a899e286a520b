"""The usual gateway, to compare with: `requests` with a time-out, guarded by pybreaker's own `call()`.

A WSGI application with the same two routes, tokens and thread count as Plaza's, and nothing of its resilience.
Environment: USERS_URL, PRODUCTS_URL, PLAIN_USERS_KEY, PLAIN_PRODUCTS_KEY, PLAIN_USER_ID.
"""

import os
import time
from collections.abc import Callable, Iterable
from typing import Any

import jwt
import pybreaker
import requests

TIMEOUT_S = 2
ROUTES = {
    "/api/users/me/": ("users", "/users/me/"),
    "/api/products/": ("products", "/products/"),
}
URLS = {name: os.environ[f"{name.upper()}_URL"] for name in ("users", "products")}
KEYS = {name: os.environ[f"PLAIN_{name.upper()}_KEY"] for name in URLS}
BREAKERS = {name: pybreaker.CircuitBreaker(fail_max=5, reset_timeout=5) for name in URLS}
SESSION = requests.Session()
for scheme in ("http://", "https://"):
    SESSION.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=32))


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    service, path = ROUTES[environ["PATH_INFO"]]
    try:
        answer = BREAKERS[service].call(ask, service, path, environ.get("QUERY_STRING", ""))
    except pybreaker.CircuitBreakerError:
        start_response("503 Service Unavailable", [])
        return [b""]
    except requests.RequestException:
        start_response("504 Gateway Timeout", [])
        return [b""]
    start_response(f"{answer.status_code} -", [("Content-Type", "application/json")])
    return [answer.content]


def ask(service: str, path: str, query: str) -> requests.Response:
    now = int(time.time())
    claims = {"iss": "gateway", "aud": service, "sub": os.environ["PLAIN_USER_ID"], "iat": now, "exp": now + 60}
    token = jwt.encode({**claims, "is_staff": False}, KEYS[service], "HS256")
    headers = {"Authorization": f"Bearer {token}"}
    return SESSION.get(f"{URLS[service]}{path}?{query}", headers=headers, timeout=TIMEOUT_S)
