import json
import sqlite3
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404, HttpResponse, HttpResponseNotAllowed, StreamingHttpResponse
from django.test import Client, RequestFactory
from django.utils import translation
from rest_framework import exceptions, serializers
from rest_framework.test import APIRequestFactory

from common.api import errors
from common.api.errors import Conflict, PreconditionFailed, Problem, ProblemMiddleware, exception_handler
from common.observability import tracing


class OutOfTea(Problem):
    status_code = 409
    slug = "out-of-tea"
    title = "Out of tea"
    default_detail = "There is none left."


@pytest.fixture(autouse=True)
def trace() -> tracing.Trace:
    return tracing.begin_trace("request-1")


def handled(error: Exception) -> tuple[int, dict[str, Any], dict[str, str]]:
    response = exception_handler(error, {"request": APIRequestFactory().get("/tea/?q=1")})
    assert response is not None
    return response.status_code, response.data, dict(response.headers)


def test_a_problem_has_the_members_of_rfc_9457_and_its_own() -> None:
    status, body, headers = handled(OutOfTea(left=0, headers={"Location": "/tea/1/"}))
    assert status == 409
    assert body == {
        "type": "/problems/out-of-tea",
        "title": "Out of tea",
        "status": 409,
        "detail": "There is none left.",
        "instance": "/tea/",
        "request_id": "request-1",
        "left": 0,
    }
    assert headers["Location"] == "/tea/1/"


def test_a_problem_may_be_worded_where_it_is_raised() -> None:
    assert handled(OutOfTea("Gone since noon."))[1]["detail"] == "Gone since noon."


@pytest.mark.parametrize(
    ("error", "status", "slug", "title"),
    [
        (Conflict(), 409, "conflict", "Conflict"),
        (PreconditionFailed(), 412, "precondition-failed", "Precondition failed"),
        (Problem(), 500, "error", "Error"),
        (Http404("no such row at /secret/path"), 404, "not-found", "Not found"),
        (PermissionDenied("internal reason"), 403, "permission-denied", "Forbidden"),
        (exceptions.NotFound(), 404, "not-found", "Not found"),
        (exceptions.ParseError(), 400, "parse-error", "Bad request"),
        (exceptions.MethodNotAllowed("PUT"), 405, "method-not-allowed", "Method not allowed"),
        (exceptions.NotAcceptable(), 406, "not-acceptable", "Not acceptable"),
        (exceptions.UnsupportedMediaType("text/csv"), 415, "unsupported-media-type", "Unsupported media type"),
        (exceptions.PermissionDenied(), 403, "permission-denied", "Forbidden"),
        (exceptions.NotAuthenticated(), 401, "not-authenticated", "Not authenticated"),
        (exceptions.AuthenticationFailed(), 401, "authentication-failed", "Not authenticated"),
        (exceptions.Throttled(), 429, "throttled", "Too many requests"),
        (exceptions.APIException(), 500, "error", "Internal error"),
        (exceptions.APIException({"detail": "told", "code": "x"}), 500, "error", "Internal error"),
    ],
)
def test_each_exception_has_its_status_and_a_type_of_its_own(
    error: Exception, status: int, slug: str, title: str
) -> None:
    got, body, _ = handled(error)
    assert (got, body["status"], body["type"], body["title"]) == (status, status, f"/problems/{slug}", title)


def test_djangos_own_exceptions_do_not_tell_what_they_hold() -> None:
    assert "secret" not in str(handled(Http404("no such row at /secret/path"))[1])
    assert "internal" not in str(handled(PermissionDenied("internal reason"))[1])


def test_a_status_without_a_title_is_an_error() -> None:
    error = exceptions.APIException("Short and stout.")
    error.status_code = 418
    assert handled(error)[1]["title"] == "Error"


def test_the_detail_of_a_dictionary_is_its_detail() -> None:
    error = exceptions.APIException({"detail": "The token is stale.", "code": "stale"})
    assert handled(error)[1]["detail"] == "The token is stale."


def test_an_unknown_exception_stays_unknown() -> None:
    context = {"request": APIRequestFactory().get("/")}
    assert exception_handler(ZeroDivisionError("internals"), context) is None


def test_the_challenge_of_a_401_goes_out() -> None:
    error = exceptions.NotAuthenticated()
    error.auth_header = 'Bearer realm="products"'  # type: ignore[attr-defined]
    assert handled(error)[2]["WWW-Authenticate"] == 'Bearer realm="products"'


@pytest.mark.parametrize(("wait", "retry_after"), [(30, "30"), (0.2, "1"), (1.2, "2"), (0, "1"), (None, None)])
def test_a_429_says_in_whole_seconds_when_to_come_back(wait: float | None, retry_after: str | None) -> None:
    assert handled(exceptions.Throttled(wait))[2].get("Retry-After") == retry_after


def test_one_fault_is_the_detail_and_several_are_counted_out() -> None:
    _, one, _ = handled(serializers.ValidationError({"name": ["Too long."]}, code="max_length"))
    assert (one["type"], one["title"], one["detail"]) == ("/problems/invalid", "Invalid input", "Too long.")
    assert one["errors"] == [{"pointer": "/name", "detail": "Too long.", "code": "max_length"}]
    _, two, _ = handled(serializers.ValidationError({"name": ["Too long.", "Not nice."]}))
    assert two["detail"] == "Several fields are not as they must be. Correct each that is listed here."
    assert [row["detail"] for row in two["errors"]] == ["Too long.", "Not nice."]


def test_of_many_faults_only_the_first_are_listed_and_the_detail_says_so() -> None:
    _, body, _ = handled(serializers.ValidationError({f"m{number}": ["Unknown."] for number in range(21)}))
    assert len(body["errors"]) == 20
    assert body["detail"] == "Many fields are not as they must be. Correct those that are listed here; there are more."


class Codes(sqlite3.OperationalError):
    """As SQLite raises it."""

    def __init__(self, code: int) -> None:
        super().__init__("disk /secret/path")
        self.sqlite_errorcode = code


def database_error(code: int) -> OperationalError:
    error = OperationalError("disk /secret/path")
    error.__cause__ = Codes(code)
    return error


# SQLite's code, and what is said.
DATABASE_ERRORS = [
    (sqlite3.SQLITE_INTERRUPT, 422, "query-too-costly", None),
    (sqlite3.SQLITE_FULL, 503, "storage", "5"),
    (sqlite3.SQLITE_READONLY, 503, "storage", "5"),
    (sqlite3.SQLITE_IOERR, 503, "storage", "5"),
    (sqlite3.SQLITE_CORRUPT, 503, "storage", "5"),
    (sqlite3.SQLITE_BUSY, 503, "database-unavailable", "1"),
]


@pytest.mark.parametrize(("code", "status", "slug", "retry_after"), DATABASE_ERRORS)
def test_what_is_wrong_with_the_database_is_said_without_its_words(
    trace: tracing.Trace, code: int, status: int, slug: str, retry_after: str | None
) -> None:
    got, body, headers = handled(database_error(code))
    assert (got, body["type"], headers.get("Retry-After")) == (status, f"/problems/{slug}", retry_after)
    assert "secret" not in str(body)
    assert trace.notes["database_error"] == "disk /secret/path"


def test_a_wrong_statement_stays_a_bug() -> None:
    context = {"request": APIRequestFactory().get("/")}
    assert exception_handler(database_error(sqlite3.SQLITE_ERROR), context) is None


@pytest.mark.parametrize(("code", "status", "slug", "retry_after"), DATABASE_ERRORS)
def test_so_it_is_outside_of_drf(code: int, status: int, slug: str, retry_after: str | None) -> None:
    """In a view of Django's own, and in a middleware, whose errors come to `handler500`."""
    request = RequestFactory().get("/login/")
    of_view = ProblemMiddleware(lambda request: HttpResponse()).process_exception(request, database_error(code))
    try:
        raise database_error(code)
    except OperationalError:
        of_middleware = errors.server_error(request)
    for response in (of_view, of_middleware):
        assert response is not None
        assert (response.status_code, response.get("Retry-After")) == (status, retry_after)
        assert json.loads(response.content)["type"] == f"/problems/{slug}"


@pytest.mark.parametrize("error", [database_error(sqlite3.SQLITE_ERROR), ZeroDivisionError()])
def test_another_error_of_a_view_is_left_to_django(error: Exception) -> None:
    request = RequestFactory().get("/login/")
    assert ProblemMiddleware(lambda request: HttpResponse()).process_exception(request, error) is None


def test_texts_follow_the_readers_language() -> None:
    with translation.override("es"):
        assert handled(exceptions.NotFound())[1]["detail"] == "No encontrado."


def test_a_view_that_breaks_answers_500_without_a_word_of_why(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*args: Any) -> None:
        raise ZeroDivisionError("internals")

    monkeypatch.setattr("common.observability.health.read_page", breaks)
    client.raise_request_exception = False
    response = client.get("/health/ready", headers={"X-Request-ID": "request-2"})
    assert (response.status_code, response["Content-Type"]) == (500, "application/problem+json")
    assert response.json() == {
        "type": "/problems/internal",
        "title": "Internal error",
        "status": 500,
        "detail": "Something went wrong on our side. It has been logged.",
        "instance": "/health/ready",
        "request_id": "request-2",
    }


def test_an_unknown_path_is_a_problem(client: Client) -> None:
    response = client.get("/nowhere/")
    assert (response.status_code, response["Content-Type"]) == (404, "application/problem+json")
    assert response.json()["type"] == "/problems/not-found"


def test_an_unknown_host_is_a_problem_that_names_nothing(client: Client) -> None:
    response = client.get("/nowhere/", headers={"Host": "evil.example"})
    assert (response.status_code, response["Content-Type"]) == (400, "application/problem+json")
    assert response.json()["detail"] == "The request cannot be understood. Check its address, headers and form."


def test_a_refusal_outside_of_views_is_a_problem() -> None:
    response = errors.permission_denied(RequestFactory().get("/x/"), PermissionDenied("why"))
    assert (response.status_code, response["Content-Type"]) == (403, "application/problem+json")
    assert json.loads(response.content)["detail"] == "You may not do this. Sign in as somebody who may."


def test_an_error_without_a_body_is_worded(rf: RequestFactory) -> None:
    bare = HttpResponseNotAllowed(["GET", "HEAD"])
    response = ProblemMiddleware(lambda request: bare)(rf.post("/health/live"))
    body = json.loads(response.content)  # type: ignore[attr-defined]
    assert (response.status_code, response["Content-Type"]) == (405, "application/problem+json")
    assert response["Allow"] == "GET, HEAD"
    assert (body["type"], body["status"], body["instance"]) == ("/problems/method-not-allowed", 405, "/health/live")


def test_an_answer_that_says_something_is_left_alone(rf: RequestFactory) -> None:
    for answer in (HttpResponse("no", status=404), HttpResponse(status=204), StreamingHttpResponse([], status=500)):
        assert ProblemMiddleware(lambda request, answer=answer: answer)(rf.get("/")) is answer
    bare = HttpResponse(status=404)
    assert ProblemMiddleware(lambda request: bare)(rf.head("/")) is bare
