"""Each problem as a page, for whoever asks for one: what happened, what to do, a way back. Programs get the JSON."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _

from common.api.errors import language_of
from common.api.rendering import PROBLEM_JSON
from gateway_project.routing.headers import CONTENT_SECURITY_POLICY
from gateway_project.routing.pages.frame import MENU, STAFF_MENU, person_of
from gateway_project.schemas.problem_types import PROBLEM_TYPES

KINDS = (PROBLEM_JSON, "application/json", "text/html")
READING = ("GET", "HEAD")
LOOK_AGAIN_S = 5  # how often a page looks whether what was out of order is back


def wants_page(request: HttpRequest) -> bool:
    """Whether HTML is what the request would rather have. `format` in the query counts before `Accept`."""
    if "text/html" not in request.META.get("HTTP_ACCEPT", ""):
        return False
    if chosen := request.GET.get("format"):
        return chosen == "api"
    return request.get_preferred_type(KINDS) == "text/html"


class ProblemPageMiddleware:
    """It is outside of all that answers problems, so that each of them comes by."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if response.status_code < 400 or not isinstance(response, HttpResponse):
            return response
        problem = problem_in(request, response)
        if problem is None:
            return response
        patch_vary_headers(response, ["Accept"])
        return as_page(request, response, problem) if wants_page(request) else response


def problem_in(request: HttpRequest, response: HttpResponse) -> dict[str, Any] | None:
    """The problem that `response` tells. A form that was refused is the API's page to show, with what was typed."""
    if response.get("Content-Type") == PROBLEM_JSON:
        return json.loads(response.content) if response.content else None
    problem = getattr(response, "data", None)
    is_told = isinstance(problem, dict) and str(problem.get("type")).startswith("/problems/")
    if is_told and request.method in READING and response.status_code != 400:
        return problem
    return None


def as_page(request: HttpRequest, response: HttpResponse, problem: dict[str, Any]) -> HttpResponse:
    """`response` with a page as its content. Status and headers stay as they are."""
    csrf = CsrfViewMiddleware(lambda request: response)
    if "CSRF_COOKIE" not in request.META:
        csrf.process_request(request)  # it may not have come that far
    language = language_of(request)
    with translation.override(language):
        page = render_to_string("site/problem.html", context_of(request, response, problem), request)
    response.content = page.encode()
    response["Content-Type"] = "text/html; charset=utf-8"
    response["Content-Language"] = language
    response["Cache-Control"] = "no-store"
    if "Content-Length" in response:
        response["Content-Length"] = str(len(response.content))
    response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    patch_vary_headers(response, ["Accept-Language", "Cookie"])
    return csrf.process_response(request, response)  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Way:
    """A link that leads on."""

    label: str
    path: str


def context_of(request: HttpRequest, response: HttpResponse, problem: dict[str, Any]) -> dict[str, Any]:
    kind = PROBLEM_TYPES.get(str(problem["type"]).removeprefix("/problems/"))
    comes_back = kind is not None and kind.passes and request.method in READING
    return {
        "problem": problem,
        "kind": kind,
        "ways": list(ways_on(request, response.status_code)),
        "wait_s": response.get("Retry-After", ""),
        "look_again_s": LOOK_AGAIN_S if comes_back else None,
    }


def ways_on(request: HttpRequest, status: int) -> Iterator[Way]:
    """The best one first."""
    here = request.get_full_path()
    came_from = _came_from(request)
    then = quote(here if request.method in READING else came_from or "/")
    person = person_of(request)
    if status == 401 or (status == 403 and person is None):
        yield Way(_("Sign in"), f"{settings.LOGIN_URL}?next={then}")
    elif status >= 429 and request.method in READING:
        yield Way(_("Try again"), here)
    if came_from and came_from != here:
        yield Way(_("Back"), came_from)
    if status == 403 and person is not None:
        yield Way(_("Sign in as somebody else"), f"/logout/?next={then}")
    for label, name in (*MENU, *(STAFF_MENU if person and person.is_staff else ())):
        if status == 404 and request.path.startswith(f"/api/{name}/"):
            yield Way(_(label), f"/api/{name}/")
    yield Way(_("Start page"), "/")


def _came_from(request: HttpRequest) -> str:
    """The page of this site that led here, as a path; "" if none did."""
    parts = urlsplit(request.META.get("HTTP_REFERER", ""))
    if parts.netloc != request.META.get("HTTP_HOST") or not parts.path.startswith("/") or parts.path.startswith("//"):
        return ""
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
