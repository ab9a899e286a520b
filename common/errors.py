"""Every error of all four projects is an RFC 9457 problem; this is where each is worded.

    Problem(APIException)          `type` is /problems/<slug>
      ├─ Conflict                  409
      ├─ PreconditionFailed        412
      └─ (each app's own)

Domain code raises a `Problem` subclass; Django's and DRF's own exceptions are translated in `exception_handler`.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.response import Response

from common.rendering import PROBLEM_JSON
from common.tracing import current_request_id

log = logging.getLogger(__name__)

TITLES = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    406: "Not acceptable",
    411: "Length required",
    413: "Content too large",
    415: "Unsupported media type",
    429: "Too many requests",
    500: "Internal error",
}


class Problem(exceptions.APIException):
    """An error that names its cause. `slug` is part of the public contract, `title` its fixed short wording.

    `extra` members and `headers` go out as they are given.
    """

    slug: str = "error"
    title: Any = "Error"
    headers: Mapping[str, str]

    def __init__(self, detail: Any = None, *, headers: Mapping[str, str] | None = None, **extra: Any) -> None:
        super().__init__(detail)
        self.headers = headers or {}
        self.extra = extra


class Conflict(Problem):
    status_code = 409
    slug = "conflict"
    title = _("Conflict")
    default_detail = _("The request conflicts with the current state.")


class PreconditionFailed(Problem):
    status_code = 412
    slug = "precondition-failed"
    title = _("Precondition failed")
    default_detail = _("It has changed since the version that If-Match names. Read it again.")


def problem_body(status: int, slug: str, title: Any, detail: Any, instance: str, **extra: Any) -> dict[str, Any]:
    """The members of RFC 9457 plus the request's id; `extra` follows."""
    return {
        "type": f"/problems/{slug}",
        "title": str(title),
        "status": status,
        "detail": str(detail),
        "instance": instance,
        "request_id": current_request_id(),
        **extra,
    }


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """DRF's `EXCEPTION_HANDLER`: any exception of a view as a problem response; the unknown ones stay 500s."""
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if not isinstance(error, exceptions.APIException):
        return None
    instance = context["request"].path
    return Response(_translate(error, instance), status=error.status_code, headers=_headers(error))


def _translate(error: exceptions.APIException, instance: str) -> dict[str, Any]:
    status = error.status_code
    if isinstance(error, Problem):
        return problem_body(status, error.slug, error.title, error.detail, instance, **error.extra)
    if isinstance(error, exceptions.ValidationError):
        errors = list(flatten(error.get_full_details()))
        detail = errors[0]["detail"] if len(errors) == 1 else _("Several members are not as they must be.")
        return problem_body(status, "invalid", _("Invalid input"), detail, instance, errors=errors)
    worded: Any = error.detail
    code = error.get_codes() if isinstance(worded, str) else error.default_code
    slug = str(code).replace("_", "-")
    text = worded if isinstance(worded, str) else worded.get("detail", "")
    return problem_body(status, slug, TITLES.get(status, "Error"), text, instance)


def _headers(error: exceptions.APIException) -> dict[str, str]:
    headers = dict(getattr(error, "headers", {}))
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if (wait := getattr(error, "wait", None)) is not None:
        headers["Retry-After"] = str(max(1, round(wait)))
    return headers


def flatten(details: Any, pointer: str = "") -> Iterator[dict[str, str]]:
    """DRF's nested error details as `{"pointer", "detail", "code"}` rows; pointers as in RFC 6901."""
    if _is_leaf(details):
        yield {"pointer": pointer, "detail": str(details["message"]), "code": str(details["code"])}
    elif isinstance(details, dict):
        for key, value in details.items():
            yield from flatten(value, pointer + _step(str(key)))
    else:
        for index, value in enumerate(details):
            yield from flatten(value, pointer if _is_leaf(value) else f"{pointer}/{index}")


def _is_leaf(details: Any) -> bool:
    """One error, and not the errors of two members that happen to have these names."""
    return isinstance(details, dict) and set(details) == {"message", "code"} and isinstance(details["message"], str)


def _step(key: str) -> str:
    if key == "non_field_errors" or not key:
        return ""
    if key.startswith(("/", "?")):  # already a pointer, or a query parameter
        return key
    return "/" + escape_pointer(key)


def escape_pointer(key: str) -> str:
    """A member's name as one step of a pointer (RFC 6901, 3)."""
    return key.replace("~", "~0").replace("/", "~1")


def problem_response(
    request: HttpRequest, status: int, slug: str, detail: Any, title: Any = None, **extra: Any
) -> HttpResponse:
    """A problem from outside a DRF view (middleware, URL resolver)."""
    body = problem_body(status, slug, title or TITLES.get(status, "Error"), detail, request.path, **extra)
    return HttpResponse(json.dumps(body), status=status, content_type=PROBLEM_JSON)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """`handler400`: what Django itself finds suspicious, worded without its internals."""
    return problem_response(request, 400, "bad-request", "The request cannot be understood.")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return problem_response(request, 403, "permission-denied", "You may not do this.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return problem_response(request, 404, "not-found", "There is nothing at this path.")


def server_error(request: HttpRequest) -> HttpResponse:
    """`handler500`: the log has the trace, the client its request id."""
    return problem_response(request, 500, "internal", "Something went wrong on our side. It has been logged.")


class ProblemMiddleware:
    """An error without a body, as Django's own views answer a wrong method, says what it is too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        status = response.status_code
        is_bare = isinstance(response, HttpResponse) and not response.content
        if status < 400 or not is_bare or request.method == "HEAD":
            return response
        slug = TITLES.get(status, "error").lower().replace(" ", "-")
        worded = problem_response(request, status, slug, f"{TITLES.get(status, 'Error')}.")
        if "Allow" in response:
            worded["Allow"] = response["Allow"]
        return worded


class BodyLimitMiddleware:
    """413 before a body larger than `DATA_UPLOAD_MAX_MEMORY_SIZE` is read; 411 for one of unknown length."""

    unlimited_methods: ClassVar[frozenset[str]] = frozenset({"GET", "HEAD", "OPTIONS"})

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        length = request.META.get("CONTENT_LENGTH") or "0"
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if not length.isdecimal():
            return problem_response(request, 400, "bad-request", "Content-Length is not a number.")
        if len(length) > 18 or int(length) > limit:  # Python converts no number of thousands of digits
            return problem_response(request, 413, "body-too-large", f"The body may have at most {limit} bytes.")
        if "HTTP_TRANSFER_ENCODING" in request.META and request.method not in self.unlimited_methods:
            return problem_response(request, 411, "length-required", "Send the body with a Content-Length.")
        return self.get_response(request)
