"""A typical gateway for comparison: `requests` with a timeout, guarded by pybreaker's own `call()`.

A WSGI application with three of Plaza's routes, the same tokens and as many threads, but none of its resilience.
Environment: USERS_URL, PRODUCTS_URL, ORDERS_URL, PLAIN_USERS_KEY, PLAIN_PRODUCTS_KEY, PLAIN_ORDERS_KEY, PLAIN_USER_ID.
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
    "/api/orders/": ("orders", "/orders/"),
}
URLS = {name: os.environ[f"{name.upper()}_URL"] for name in ("users", "products", "orders")}
KEYS = {name: os.environ[f"PLAIN_{name.upper()}_KEY"] for name in URLS}
BREAKERS = {name: pybreaker.CircuitBreaker(fail_max=5, reset_timeout=5) for name in URLS}
SESSION = requests.Session()
for scheme in ("http://", "https://"):
    SESSION.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=32))


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    service, path = ROUTES[environ["PATH_INFO"]]
    try:
        answer = BREAKERS[service].call(ask, service, path, environ)
    except pybreaker.CircuitBreakerError:
        start_response("503 Service Unavailable", [])
        return [b""]
    except requests.RequestException:
        start_response("504 Gateway Timeout", [])
        return [b""]
    start_response(f"{answer.status_code} -", [("Content-Type", "application/json")])
    return [answer.content]


def ask(service: str, path: str, environ: dict[str, Any]) -> requests.Response:
    now = int(time.time())
    claims = {"iss": "gateway", "aud": service, "sub": os.environ["PLAIN_USER_ID"], "iat": now, "exp": now + 60}
    token = jwt.encode({**claims, "is_staff": False}, KEYS[service], "HS256")
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    url = f"{URLS[service]}{path}?{environ.get('QUERY_STRING', '')}"
    return SESSION.request(environ["REQUEST_METHOD"], url, data=body, headers=headers, timeout=TIMEOUT_S)
