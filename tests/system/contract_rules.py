"""Hooks of Schemathesis: what OpenAPI cannot express about this API, each rule with its reason.

Schemathesis loads this module into its own process. `CONTRACT_TOKENS` are the access tokens of the run, `CONTRACT_URL`
is the gateway.
"""

import json
import os
from itertools import count
from typing import Any

import requests
import schemathesis

PASSWORD = "saffron-orchard-in-july"
# (status, pointer, code) of errors that a body valid by its schema may still get, and why. "*" is any code.
RULES = {
    (400, "?cursor", "*"): "a cursor is taken from a page's link, and belongs to its filters",
    (400, "/password", "*"): "a password must be hard to guess",
    (400, "/current_password", "*"): "must be the caller's own password",
    (400, "/category", "*"): "names a category that exists",
    (400, "/slug", "*"): "is derived from the name if absent, and some names have no letters for it",
    (400, "/email", "invalid"): "the format allows addresses without a mail server, such as 0@0.a",
    (400, "/price", "max_decimal_places"): "a JSON number has as many places as its float",
    (400, "/price", "max_digits"): "a JSON number has as many digits as its float",
    (400, "/sku", "invalid"): "holds only characters that can be printed",
    (400, "/currency", "invalid"): "is a currency of ISO 4217 with at most two decimals",
    (400, "/items", "repeated"): "each product may be named once",
    (400, "/delta", "invalid"): "the stock stays below its limit",
    (400, "/delta", "zero"): "a movement of 0 moves nothing",
    (412, "", ""): "If-Match must name the current version",
    (422, "", ""): "an idempotency key belongs to the body it first came with",
}
BEFORE_THE_GATEWAY = {414, 431}  # gunicorn's own answers to a request line or headers that are too long, in HTML
ENDS_THE_CALLER = {
    "DELETE /api/auth/sessions/",
    "DELETE /api/auth/sessions/{session_id}/",
    "DELETE /api/users/me/",
    "DELETE /api/users/{user_id}/",
}

_numbers = count(1)


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """False for a refusal that a rule explains."""
    if response.status_code in BEFORE_THE_GATEWAY:
        return False
    if type(failure).__name__ != "RejectedPositiveData":
        return True
    problem = json.loads(response.content)
    faults = [(error["pointer"], error["code"]) for error in problem.get("errors", [])] or [("", "")]
    return not all(is_explained(response.status_code, pointer, code) for pointer, code in faults)


def is_explained(status: int, pointer: str, code: str) -> bool:
    return (status, pointer, code) in RULES or (status, pointer, "*") in RULES


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Send what ends its caller's account or session as a customer made for it."""
    sent = case.headers.get("Authorization", "")
    if (
        case.operation.label in ENDS_THE_CALLER
        and sent.removeprefix("Bearer ") in os.environ["CONTRACT_TOKENS"].split()
    ):
        case.headers["Authorization"] = f"Bearer {throw_away()}"
        if is_valid_deletion(case.body):
            case.body = {"current_password": PASSWORD}


def is_valid_deletion(body: Any) -> bool:
    password = body.get("current_password") if isinstance(body, dict) and len(body) == 1 else None
    return isinstance(password, str) and 0 < len(password) <= 128


def throw_away() -> str:
    """The access token of a new customer."""
    name, url = f"throw-away-{os.getpid()}-{next(_numbers)}", os.environ["CONTRACT_URL"]
    body = {"username": name, "email": f"{name}@shop.example", "password": PASSWORD}
    requests.post(f"{url}/api/auth/register/", json=body, timeout=10).raise_for_status()
    signed_in = requests.post(f"{url}/api/auth/token/", json={"username": name, "password": PASSWORD}, timeout=10)
    token: str = signed_in.json()["access"]
    return token
