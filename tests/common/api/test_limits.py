import json
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import RequestFactory, override_settings

from common.api.limits import BodyLimitMiddleware


class Limited:
    """A body limit of 10 bytes, and of 20 for PUT, before a view that counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

        def view(request: Any) -> HttpResponse:
            self.calls += 1
            return HttpResponse()

        view.max_body_bytes = {"PUT": 20}  # type: ignore[attr-defined]
        self._view = view
        self._middleware = BodyLimitMiddleware(self._resolve)

    def send(self, length: str | None, method: str = "POST", **meta: str) -> tuple[int, str]:
        request = RequestFactory().generic(method, "/orders/", b"")
        request.META.pop("CONTENT_LENGTH", None)
        request.META |= meta if length is None else {"CONTENT_LENGTH": length, **meta}
        with override_settings(MAX_BODY_BYTES=10):
            response: Any = self._middleware(request)
        return response.status_code, json.loads(response.content)["type"] if response.content else ""

    def _resolve(self, request: Any) -> HttpResponse:
        """As Django's handler does."""
        return self._middleware.process_view(request, self._view, (), {}) or self._view(request)


@pytest.mark.parametrize(
    ("method", "length"), [("POST", None), ("POST", ""), ("POST", "0"), ("POST", "10"), ("PUT", "20"), ("GET", "10")]
)
def test_a_body_within_the_limit_goes_through(method: str, length: str | None) -> None:
    limited = Limited()
    assert limited.send(length, method) == (200, "")
    assert limited.calls == 1


@pytest.mark.parametrize(
    ("method", "length", "status", "slug"),
    [
        ("POST", "11", 413, "body-too-large"),
        ("PUT", "21", 413, "body-too-large"),
        ("GET", "11", 413, "body-too-large"),
        ("POST", "9" * 5000, 413, "body-too-large"),
        ("POST", "-1", 400, "bad-request"),
        ("POST", "1.5", 400, "bad-request"),
        ("POST", "ten", 400, "bad-request"),
    ],
)
def test_another_body_is_refused_before_it_is_read(method: str, length: str, status: int, slug: str) -> None:
    limited = Limited()
    assert limited.send(length, method) == (status, f"/problems/{slug}")
    assert limited.calls == 0


def test_a_body_of_unknown_length_is_refused_where_one_is_expected() -> None:
    limited = Limited()
    assert limited.send(None, HTTP_TRANSFER_ENCODING="chunked") == (411, "/problems/length-required")
    assert limited.calls == 0
    assert limited.send(None, "GET", HTTP_TRANSFER_ENCODING="chunked") == (200, "")
