from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from common.api.semantics import HTTPSemanticsMiddleware


def test_an_answer_without_content_says_nothing_about_it() -> None:
    for status in (204, 304):
        response = _answer(HttpResponse(status=status, headers={"Content-Length": "0", "ETag": '"v1"'}))
        assert dict(response.items()) == {"ETag": '"v1"'}


def test_an_answer_with_content_keeps_its_headers() -> None:
    for status in (200, 201, 404):
        headers = dict(_answer(HttpResponse(status=status, headers={"Content-Length": "0"})).items())
        assert headers == {"Content-Length": "0", "Content-Type": "text/html; charset=utf-8"}


def test_a_query_in_utf8_is_passed_on() -> None:
    for query in ("", "search=caf%C3%A9", "search=caf\u00c3\u00a9", "a=%2F%20", "100%"):
        assert _answer(HttpResponse("ok"), QUERY_STRING=query).content == b"ok"


def test_a_query_in_another_encoding_is_400() -> None:
    for query in ("search=caf%E9", "search=caf\u00e9"):
        assert _answer(HttpResponse("ok"), QUERY_STRING=query).status_code == 400


def _answer(response: HttpResponse, **meta: str) -> HttpResponse:
    def view(request: HttpRequest) -> HttpResponse:
        return response

    answered = HTTPSemanticsMiddleware(view)(RequestFactory().get("/things/", **meta))
    assert isinstance(answered, HttpResponse)
    return answered
