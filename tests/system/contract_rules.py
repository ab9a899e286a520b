"""Schemathesis' hooks: what OpenAPI cannot say of this API, each rule by name and with its reason.

Loaded by Schemathesis' own process. `CONTRACT_TOKENS` is whom it calls as; `CONTRACT_URL` is the gateway.
"""

import json
import os
from itertools import count
from typing import Any

import requests
import schemathesis

PASSWORD = "saffron-orchard-in-july"
# (status, pointer, code) of refusals that valid data meets, and why a schema cannot tell; "*" is any.
RULES = {
    (400, "?cursor", "*"): "a cursor is taken from a page's link, and belongs to its filters",
    (400, "/password", "*"): "a password must be hard to guess",
    (400, "/current_password", "*"): "is the caller's own",
    (400, "/category", "*"): "names a category that exists",
    (400, "/slug", "*"): "is made of the name when absent, which may have nothing to make it of",
    (400, "/email", "invalid"): "some that the format allows have no mail server, as in 0@0.a",
    (400, "/price", "max_decimal_places"): "a number has the places of its float",
    (400, "/price", "max_digits"): "a number has the digits of its float",
    (400, "/items", "repeated"): "each product once",
    (400, "/delta", "invalid"): "the stock stays below its limit",
    (400, "/delta", "zero"): "a movement of 0 moves nothing",
    (412, "", ""): "If-Match names the present version",
    (422, "", ""): "a key belongs to the body that it came with",
}
BEFORE_THE_GATEWAY = {414, 431}  # gunicorn's own, of a request line or headers beyond measure; in HTML
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
    """What ends its caller's account or sign-in is called by somebody made for it."""
    sent = case.headers.get("Authorization", "")
    if (
        case.operation.label in ENDS_THE_CALLER
        and sent.removeprefix("Bearer ") in os.environ["CONTRACT_TOKENS"].split()
    ):
        case.headers["Authorization"] = f"Bearer {throw_away()}"


def throw_away() -> str:
    """The access token of a new customer."""
    name, url = f"throw-away-{os.getpid()}-{next(_numbers)}", os.environ["CONTRACT_URL"]
    body = {"username": name, "email": f"{name}@shop.example", "password": PASSWORD}
    requests.post(f"{url}/api/auth/register/", json=body, timeout=10).raise_for_status()
    signed_in = requests.post(f"{url}/api/auth/token/", json={"username": name, "password": PASSWORD}, timeout=10)
    token: str = signed_in.json()["access"]
    return token
