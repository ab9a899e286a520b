"""What RFC 9110 asks of every answer, whichever view gives it."""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext_lazy as _

from common.api.errors import DETAILS, problem_response

OPERATIONAL = ("/health/", "/metrics")  # for balancers and collectors, which know a process by its address
WITHOUT_CONTENT = frozenset({204, 304})
READING = ("GET", "HEAD", "OPTIONS")

V = TypeVar("V", bound=Callable[..., HttpResponse])


def reading(view: V) -> V:
    """Marks a function view that only reads. `HTTPSemanticsMiddleware` answers all other methods, and OPTIONS."""
    view.served_methods = READING  # type: ignore[attr-defined]
    return view


class HTTPSemanticsMiddleware:
    """It must be outside of Django's own middleware for hosts, CSRF and lengths.

    - A query that is not UTF-8 is 400, and is not read with replacement characters.
    - A body in an encoding is 415 (8.4): no encoding is understood, and the bytes must not be taken for the text.
    - A method that a view doesn't serve is 405, before the CSRF token is looked at. Methods are case-sensitive (9.1).
    - A 204 or 304 has no content, so it says neither its type, length nor language (8.6, 15.4.5).
    - Health and metrics are answered under any `Host`, and no cache keeps them.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        is_operational = request.path.startswith(OPERATIONAL)
        if is_operational:
            request.META["HTTP_HOST"] = "localhost"
        if not _has_utf8_query(request):
            return problem_response(
                request, 400, "bad-request", _("The query has text that is not UTF-8. Encode it as UTF-8.")
            )
        if request.META.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
            return _unknown_encoding(request)
        response = self.get_response(request)
        if is_operational:
            response["Cache-Control"] = "no-store"
        if response.status_code in WITHOUT_CONTENT:
            for name in ("Content-Type", "Content-Length", "Content-Language"):
                del response[name]
        return response

    def process_view(self, request: HttpRequest, view: Any, *arguments: Any) -> HttpResponse | None:
        method, served = request.META["REQUEST_METHOD"], served_methods(view)
        if method in served:
            is_marked = hasattr(view, "served_methods")  # all others answer OPTIONS themselves
            return _allowing(HttpResponse(), served) if method == "OPTIONS" and is_marked else None
        if method == request.method and hasattr(view, "cls"):
            return None  # DRF first asks who the caller is
        refusal = problem_response(request, 405, "method-not-allowed", DETAILS[405])
        return _allowing(refusal, served)


def _allowing(response: HttpResponse, methods: Iterable[str]) -> HttpResponse:
    response["Allow"] = ", ".join(methods)
    return response


@cache
def served_methods(view: Any) -> tuple[str, ...]:
    """The methods of a class's view function, or of a function that is marked as `reading`."""
    if marked := getattr(view, "served_methods", ()):
        return tuple(marked)
    if actions := getattr(view, "actions", None):  # a view set's
        names = [*actions, "options"]
    else:
        names = view.view_initkwargs.get("http_method_names", view.view_class.http_method_names)
        names = [name for name in names if hasattr(view.view_class, name)]
    served = [name.upper() for name in names]
    return tuple(dict.fromkeys([*served, "HEAD"] if "GET" in served else served))


def _unknown_encoding(request: HttpRequest) -> HttpResponse:
    detail = _("Send the body without a Content-Encoding.")
    response = problem_response(request, 415, "unsupported-media-type", detail)
    response["Accept-Encoding"] = "identity"  # RFC 9110, 15.5.16
    return response


def _has_utf8_query(request: HttpRequest) -> bool:
    query = request.META.get("QUERY_STRING", "")
    if query.isascii() and "%" not in query:
        return True
    try:
        unquote_to_bytes(query.encode("latin-1")).decode()  # WSGI's text is bytes in disguise (PEP 3333)
    except UnicodeError:
        return False
    return True
