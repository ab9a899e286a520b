import json
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseNotAllowed, StreamingHttpResponse
from django.test import Client, RequestFactory, override_settings
from django.utils import translation
from rest_framework import exceptions, serializers
from rest_framework.test import APIRequestFactory

from common import errors, tracing
from common.errors import (
    BodyLimitMiddleware,
    Conflict,
    PreconditionFailed,
    Problem,
    ProblemMiddleware,
    exception_handler,
    flatten,
)


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
    assert two["detail"] == "Several members are not as they must be."
    assert [row["detail"] for row in two["errors"]] == ["Too long.", "Not nice."]


def test_texts_follow_the_readers_language() -> None:
    with translation.override("es"):
        assert handled(exceptions.NotFound())[1]["detail"] == "No encontrado."


def leaf(message: str, code: str = "invalid") -> dict[str, str]:
    return {"message": message, "code": code}


@pytest.mark.parametrize(
    ("details", "pointers"),
    [
        ([leaf("a")], [""]),
        ({"name": [leaf("a"), leaf("b")]}, ["/name", "/name"]),
        ({"items": [{}, {"sku": [leaf("a")]}, {"sku": [leaf("b")]}]}, ["/items/1/sku", "/items/2/sku"]),
        ({"tags": {0: [leaf("a")], 3: [leaf("b")]}}, ["/tags/0", "/tags/3"]),
        ({"address": {"city": [leaf("a")]}}, ["/address/city"]),
        ({"items": {"non_field_errors": [leaf("a")]}}, ["/items"]),
        ({"non_field_errors": [leaf("a")]}, [""]),
        ({"": [leaf("a")]}, [""]),
        ({"?page_size": [leaf("a")]}, ["?page_size"]),
        ({"/already/a": [leaf("a")]}, ["/already/a"]),
        ({"a/b": [leaf("a")], "~": [leaf("b")]}, ["/a~1b", "/~0"]),
        ({"name": leaf("a")}, ["/name"]),
        ({"matrix": [[leaf("a")], [leaf("b")]]}, ["/matrix/0", "/matrix/1"]),
        ({"message": [leaf("a")], "code": [leaf("b")]}, ["/message", "/code"]),
    ],
)
def test_nested_errors_become_rows_with_pointers(details: Any, pointers: list[str]) -> None:
    rows = list(flatten(details))
    assert [row["pointer"] for row in rows] == pointers
    assert [row["detail"] for row in rows] == ["a", "b"][: len(pointers)]


def test_a_view_that_breaks_answers_500_without_a_word_of_why(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*args: Any) -> None:
        raise ZeroDivisionError("internals")

    monkeypatch.setattr("common.health.database_answers", breaks)
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
    response = client.get("/health/live", headers={"Host": "evil.example"})
    assert (response.status_code, response["Content-Type"]) == (400, "application/problem+json")
    assert response.json()["detail"] == "The request cannot be understood."


def test_a_refusal_outside_of_views_is_a_problem() -> None:
    response = errors.permission_denied(RequestFactory().get("/x/"), PermissionDenied("why"))
    assert (response.status_code, response["Content-Type"]) == (403, "application/problem+json")
    assert json.loads(response.content)["detail"] == "You may not do this."


class Limited:
    """A body limit of 10 bytes before a view that counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def post(self, length: str | None, method: str = "POST", **meta: str) -> tuple[int, str]:
        request = RequestFactory().generic(method, "/orders/", b"")
        request.META.pop("CONTENT_LENGTH", None)
        request.META |= meta if length is None else {"CONTENT_LENGTH": length, **meta}
        with override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=10):
            response: Any = BodyLimitMiddleware(self._view)(request)
        return response.status_code, json.loads(response.content)["type"] if response.content else ""

    def _view(self, request: Any) -> HttpResponse:
        self.calls += 1
        return HttpResponse()


@pytest.mark.parametrize("length", [None, "", "0", "10"])
def test_a_body_within_the_limit_goes_through(length: str | None) -> None:
    limited = Limited()
    assert limited.post(length) == (200, "")
    assert limited.calls == 1


@pytest.mark.parametrize(
    ("length", "status", "slug"),
    [
        ("11", 413, "body-too-large"),
        ("9" * 5000, 413, "body-too-large"),
        ("-1", 400, "bad-request"),
        ("1.5", 400, "bad-request"),
        ("ten", 400, "bad-request"),
    ],
)
def test_another_body_is_refused_before_it_is_read(length: str, status: int, slug: str) -> None:
    limited = Limited()
    assert limited.post(length) == (status, f"/problems/{slug}")
    assert limited.calls == 0


def test_a_body_of_unknown_length_is_refused_where_one_is_expected() -> None:
    limited = Limited()
    assert limited.post(None, HTTP_TRANSFER_ENCODING="chunked") == (411, "/problems/length-required")
    assert limited.calls == 0
    assert limited.post(None, "GET", HTTP_TRANSFER_ENCODING="chunked") == (200, "")


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
