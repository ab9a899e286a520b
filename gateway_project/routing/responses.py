"""The answers and headers that many operations share. The OpenAPI document lists each of them once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway_project.schemas.problem_types import PROBLEM_TYPES

PROBLEM = "application/problem+json"
TEXT = {"type": "string"}
SECONDS = {"type": "integer", "minimum": 0}


def _header(description: str, example: Any, schema: Mapping[str, Any] = TEXT, *, always: bool = False) -> Any:
    required = {"required": True} if always else {}
    return {"description": description, **required, "schema": dict(schema), "example": example}


HEADERS: Mapping[str, Any] = {
    "X-Request-ID": _header("Finds this request in the operator's logs.", "b7ad6b7169203331", always=True),
    "Cache-Control": _header("Answers belong to one user: no shared cache may keep them.", "no-store"),
    "ETag": _header("The version of what is shown, for `If-Match` and `If-None-Match`.", '"9f86d081884c7d65"'),
    "Location": _header("The path of what was made.", "/api/orders/01990a5d-ac96-774b-bcce-b302099a8061/"),
    "Age": _header("For how many seconds the gateway has kept this answer.", 0, SECONDS),
    "Cache-Status": _header(
        "That the gateway had this answer, and whether it stands in for a service that fails (RFC 9211).",
        "plaza; hit; detail=stale-if-error",
    ),
    "Idempotency-Key": _header("The key that was sent.", "order-2026-11-26-0001"),
    "Idempotent-Replayed": _header("That this key was answered before, and nothing was done again.", "true"),
    "Retry-After": _header("For how many seconds to wait before the next attempt.", 5, SECONDS),
    "WWW-Authenticate": _header("How to sign in.", 'Bearer realm="plaza"', always=True),
    "Proxy-Status": _header(
        "That the gateway made this answer, and why (RFC 9209).", "plaza; error=destination_unavailable"
    ),
}


@dataclass(frozen=True, slots=True)
class SharedProblem:
    """Of one status: what it means wherever it occurs, its most usual type, and the headers that come with it."""

    name: str
    status: int
    meaning: str
    slug: str
    headers: tuple[str, ...] = ()

    @property
    def reference(self) -> dict[str, str]:
        return {"$ref": f"#/components/responses/{self.name}"}

    def described(self) -> dict[str, Any]:
        example = {
            "type": f"/problems/{self.slug}",
            "title": str(PROBLEM_TYPES[self.slug].title),
            "status": self.status,
            "detail": self.meaning.replace("`", ""),
            "instance": "/api/…/",
            "request_id": HEADERS["X-Request-ID"]["example"],
        }
        return {
            "description": f"{self.meaning}\n\n{linked(self.status)}",
            "headers": header_references(("X-Request-ID", "Cache-Control", *self.headers)),
            "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}},
        }


_FAILING = ("Proxy-Status", "Idempotency-Key")
_ALL = (
    SharedProblem("BadRequest", 400, "Something sent is not as it must be; `errors` says what.", "invalid"),
    SharedProblem(
        "Unauthorized",
        401,
        "Not signed in, or no longer.",
        "not-authenticated",
        ("WWW-Authenticate",),
    ),
    SharedProblem(
        "Forbidden",
        403,
        "Not for this user, or a browser's form without its CSRF token.",
        "permission-denied",
    ),
    SharedProblem("NotFound", 404, "There is no such thing, or it is somebody else's.", "not-found"),
    SharedProblem("NotAcceptable", 406, "Only JSON, or HTML for people, can be answered.", "not-acceptable"),
    SharedProblem(
        "Conflict",
        409,
        "In conflict with how things stand. A rejected order says where it is.",
        "insufficient-stock",
        ("Location", "Idempotency-Key", "Idempotent-Replayed"),
    ),
    SharedProblem("LengthRequired", 411, "A body without Content-Length.", "length-required"),
    SharedProblem(
        "PreconditionFailed",
        412,
        "It is not in the version that `If-Match` or `If-None-Match` asks for.",
        "precondition-failed",
    ),
    SharedProblem("ContentTooLarge", 413, "The body is too large.", "body-too-large"),
    SharedProblem("UnsupportedMediaType", 415, "The body is not JSON.", "unsupported-media-type"),
    SharedProblem(
        "UnprocessableContent",
        422,
        "The query takes too long and must be narrowed, or the Idempotency-Key came with another body before.",
        "query-too-costly",
        ("Idempotency-Key",),
    ),
    SharedProblem(
        "TooManyRequests",
        429,
        "Too many requests; see `Retry-After`.",
        "throttled",
        ("Retry-After",),
    ),
    SharedProblem("BadGateway", 502, "A service failed, or broke the contract.", "upstream-error", _FAILING),
    SharedProblem(
        "ServiceUnavailable",
        503,
        "A service is out of order or overloaded; see `Retry-After`.",
        "circuit-open",
        ("Retry-After", *_FAILING),
    ),
    SharedProblem("GatewayTimeout", 504, "A service did not answer in time.", "upstream-timeout", _FAILING),
)
SHARED_PROBLEMS: Mapping[int, SharedProblem] = {refusal.status: refusal for refusal in _ALL}


def linked(*statuses: int) -> str:
    """The types of problems with these statuses, each with a link to the page that explains it."""
    types = [each for each in PROBLEM_TYPES.values() if each.status in statuses]
    return "Types: " + ", ".join(f"[{each.slug}]({each.type})" for each in types)


def header_references(names: Iterable[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
