"""Every error of all four projects is an RFC 9457 problem; this is where each is worded.

    Problem(APIException)          `type` is /problems/<slug>
      ├─ Conflict                  409
      ├─ PreconditionFailed        412
      ├─ QueryTooCostly            422
      ├─ StorageUnavailable        503
      ├─ DatabaseUnavailable       503
      └─ (each app's own)

Domain code raises a `Problem` subclass. Django's and DRF's own exceptions, and the database's, are translated in
`exception_handler`, and outside of DRF's views in `ProblemMiddleware` and `server_error`.
"""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import Error
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import is_valid_path
from django.utils import translation
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.response import Response

from common import storage
from common.api.pointers import first_errors
from common.api.rendering import PROBLEM_JSON
from common.database_faults import Fault, fault_of
from common.observability.tracing import current_request_id, note

SEVERAL = _("Several fields are not as they must be. Correct each that is listed here.")
TOO_MANY = _("Many fields are not as they must be. Correct those that are listed here; there are more.")
TITLES = {
    400: _("Bad request"),
    401: _("Not authenticated"),
    403: _("Forbidden"),
    404: _("Not found"),
    405: _("Method not allowed"),
    406: _("Not acceptable"),
    411: _("Length required"),
    413: _("Content too large"),
    415: _("Unsupported media type"),
    429: _("Too many requests"),
    500: _("Internal error"),
}
DETAILS = {
    400: _("The request cannot be understood. Check its address, headers and form."),
    403: _("You may not do this. Sign in as somebody who may."),
    404: _("There is nothing at this path. Check the address."),
    405: _("This path does not take this method. The Allow header names those that it takes."),
}
FAILED = _("Something went wrong on our side. It has been logged.")
# The types of errors that come without a body. Any other status is an internal error.
BARE = {400: "bad-request", 403: "permission-denied", 404: "not-found", 405: "method-not-allowed"}


class Problem(exceptions.APIException):
    """An error that names its cause. `slug` is part of the public contract, `title` its fixed short wording.

    `extra` members and `headers` go out as they are given.
    """

    slug: str = "error"
    title: Any = _("Error")
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
    default_detail = _("This is not the version that If-Match or If-None-Match asks for. Read it again.")


class QueryTooCostly(Problem):
    status_code = 422
    slug = "query-too-costly"
    title = _("Query too costly")
    default_detail = _(
        "Finding this takes too long. Narrow it: use fewer conditions at once, longer words, a shorter range of time "
        "or price, or another ordering."
    )


class StorageUnavailable(Problem):
    status_code = 503
    slug = "storage"
    title = _("Nothing can be written")
    default_detail = _("Nothing can be saved at the moment. Try again later.")
    wait = 5


class DatabaseUnavailable(Problem):
    status_code = 503
    slug = "database-unavailable"
    title = _("Database unavailable")
    default_detail = _("The database does not answer. Try again soon.")
    wait = 1


DATABASE_PROBLEMS = {Fault.TOO_COSTLY: QueryTooCostly, Fault.UNAVAILABLE: DatabaseUnavailable}


def problem_of(error: Error) -> Problem | None:
    """A database's error as a problem, where the database's state or the query's cost is to blame; else it is a bug."""
    if (fault := fault_of(error)) is None:
        return None
    note(database=fault.value, database_error=str(error)[:200])
    if fault.is_of_storage:
        storage.watch.meet(fault)
    return DATABASE_PROBLEMS.get(fault, StorageUnavailable)()


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
    elif isinstance(error, Error):
        error = problem_of(error) or error
    if not isinstance(error, exceptions.APIException):
        return None
    return Response(_translate(error, context["request"].path), status=error.status_code, headers=_headers(error))


def _translate(error: exceptions.APIException, instance: str) -> dict[str, Any]:
    status = error.status_code
    if isinstance(error, Problem):
        return problem_body(status, error.slug, error.title, error.detail, instance, **error.extra)
    if isinstance(error, exceptions.ValidationError):
        errors, are_all = first_errors(error.get_full_details())
        detail = errors[0]["detail"] if len(errors) == 1 else SEVERAL if are_all else TOO_MANY
        return problem_body(status, "invalid", _("Invalid input"), detail, instance, errors=errors)
    worded: Any = error.detail
    code = error.get_codes() if isinstance(worded, str) else error.default_code
    slug = str(code).replace("_", "-")
    text = worded if isinstance(worded, str) else worded.get("detail", "")
    return problem_body(status, slug, TITLES.get(status, _("Error")), text, instance)


def _headers(error: exceptions.APIException) -> dict[str, str]:
    headers = dict(getattr(error, "headers", {}))
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if (wait := getattr(error, "wait", None)) is not None:
        headers["Retry-After"] = str(max(1, round(wait)))
    return headers


def problem_response(
    request: HttpRequest, status: int, slug: str, detail: Any, title: Any = None, **extra: Any
) -> HttpResponse:
    """A problem from outside a DRF view (middleware, URL resolver)."""
    with translation.override(language_of(request)):
        body = problem_body(status, slug, title or TITLES.get(status, _("Error")), detail, request.path, **extra)
    return HttpResponse(json.dumps(body), status=status, content_type=PROBLEM_JSON)


def language_of(request: HttpRequest) -> str:
    """Also where `LocaleMiddleware` has not been: there the thread still has the language of another request."""
    return getattr(request, "LANGUAGE_CODE", None) or translation.get_language_from_request(request)


def respond(request: HttpRequest, problem: Problem) -> HttpResponse:
    """A `Problem` that was raised outside of a DRF view."""
    status, slug = problem.status_code, problem.slug
    response = problem_response(request, status, slug, problem.detail, problem.title, **problem.extra)
    for name, value in _headers(problem).items():
        response[name] = value
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """`handler400`: what Django itself finds suspicious, worded without its internals."""
    return problem_response(request, 400, "bad-request", DETAILS[400])


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return problem_response(request, 403, "permission-denied", DETAILS[403])


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """`handler404`. A path that only lacks its last slash is redirected; a write can't be, so it is told."""
    whole = f"{request.path}/"
    if request.path.endswith("/") or not is_valid_path(whole):
        return problem_response(request, 404, "not-found", DETAILS[404])
    if request.method in {"GET", "HEAD"}:
        return HttpResponse(status=308, headers={"Location": request.get_full_path(force_append_slash=True)})
    detail = format_lazy(
        _("There is nothing at this path. Send it to the path with a slash at its end: {path}"), path=whole
    )
    return problem_response(request, 404, "not-found", detail)


def server_error(request: HttpRequest) -> HttpResponse:
    """`handler500`: the log has the trace, the client its request id."""
    error = sys.exc_info()[1]
    if isinstance(error, Error) and (problem := problem_of(error)):  # raised by a middleware
        return respond(request, problem)
    return problem_response(request, 500, "internal", FAILED)


class ProblemMiddleware:
    """Problems from outside of DRF's views.

    An error without a body, as Django's own views answer a wrong method, says what it is too.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        status = response.status_code
        is_bare = isinstance(response, HttpResponse) and not response.content
        if status < 400 or not is_bare or request.method == "HEAD":
            return response
        worded = problem_response(request, status, BARE.get(status, "internal"), DETAILS.get(status, FAILED))
        if "Allow" in response:
            worded["Allow"] = response["Allow"]
        return worded

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        problem = problem_of(exception) if isinstance(exception, Error) else exception
        return respond(request, problem) if isinstance(problem, Problem) else None
