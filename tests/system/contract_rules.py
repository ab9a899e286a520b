"""Hooks of Schemathesis: what OpenAPI cannot express about this API, each rule with its reason.

Schemathesis loads this module into its own process. `CONTRACT_TOKENS` are the access tokens of the run, `CONTRACT_URL`
is the gateway, `CONTRACT_PASSWORD` the callers' password, `CONTRACT_USER` the id of a customer who calls, and
`CONTRACT_ANSWERS` a file for the status of each answer to valid data.
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
    (400, "/new_password", "*"): "must be hard to guess too",
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
    "POST /api/users/me/password/",
}
OPEN = {
    "POST /api/auth/register/",
    "POST /api/auth/token/",
    "POST /api/auth/token/refresh/",
    "POST /api/auth/token/verify/",
    "POST /api/auth/logout/",
    "POST /api/auth/password-reset/",
    "POST /api/auth/password-reset/confirm/",
}
NOT_FOR_THE_CALLER = {403}

_numbers = count(1)
_throw_aways: set[str] = set()


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
    password = os.environ["CONTRACT_PASSWORD"]
    if case.operation.label in ENDS_THE_CALLER and is_signed_in(case):
        case.headers["Authorization"] = f"Bearer {throw_away()}"
        password = PASSWORD
        if is_valid_deletion(case.body):
            case.body = {"current_password": PASSWORD}
    if is_valid(case):
        complete(case, password)


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Note what valid data was answered with, where the caller may send it."""
    if is_valid(case) and response.status_code not in NOT_FOR_THE_CALLER:
        with open(os.environ["CONTRACT_ANSWERS"], "a") as answers:
            answers.write(f"{response.status_code}\n")


def is_valid(case: Any) -> bool:
    """By the document, which calls any token valid."""
    is_open = case.operation.label in OPEN
    return case.meta is not None and case.meta.generation.mode.is_positive and (is_open or is_signed_in(case))


def is_signed_in(case: Any) -> bool:
    return case.headers.get("Authorization", "").removeprefix("Bearer ") in {
        *os.environ["CONTRACT_TOKENS"].split(),
        *_throw_aways,
    }


def complete(case: Any, password: str) -> None:
    """What only who has an account here can know. What a chain of requests has found stays as it is."""
    case.query.pop("cursor", None)
    if isinstance(case.body, dict) and "current_password" in case.body:
        case.body["current_password"] = password
    if "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = f"contract-{next(_numbers)}"
    if os.environ["CONTRACT_USER"] and "user_id" in case.path_parameters and case.meta.phase.name != "stateful":
        case.path_parameters["user_id"] = os.environ["CONTRACT_USER"]


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
    _throw_aways.add(token)
    return token
