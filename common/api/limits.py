"""What one request may cost: the bytes of its body, and the time of each statement that it makes the database run."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from common.api.errors import problem_response
from common.statement_limit import statement_limit

READING = frozenset({"GET", "HEAD"})


class BodyLimitMiddleware:
    """413 for a body that is larger than its view takes, before it is read; 411 for one of unknown length.

    That is `MAX_BODY_BYTES`, or what a view function says for a method in `max_body_bytes`.
    """

    unlimited_methods: ClassVar[frozenset[str]] = READING | {"OPTIONS"}

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not _content_length(request).isdecimal():
            return problem_response(
                request, 400, "bad-request", _("Content-Length is not a number. Send the number of bytes.")
            )
        if "HTTP_TRANSFER_ENCODING" in request.META and request.method not in self.unlimited_methods:
            return problem_response(request, 411, "length-required", _("Send the body with a Content-Length."))
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, *arguments: Any) -> HttpResponse | None:
        limit: int = getattr(view, "max_body_bytes", {}).get(request.method, settings.MAX_BODY_BYTES)
        length = _content_length(request)
        if len(length) <= 18 and int(length) <= limit:  # Python converts no number of thousands of digits
            return None
        detail = format_lazy(_("The body may have at most {limit} bytes. Send less at once."), limit=limit)
        return problem_response(request, 413, "body-too-large", detail)


def _content_length(request: HttpRequest) -> str:
    return request.META.get("CONTENT_LENGTH") or "0"


class StatementLimitMiddleware:
    """Ends each statement of a read at STATEMENT_LIMIT_S: 422, since it is the query that is too costly.

    A write goes on. Nobody chooses what it costs, and an order must not fail for a busy disk.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method not in READING:
            return self.get_response(request)
        with statement_limit(settings.STATEMENT_LIMIT_S):
            return self.get_response(request)
