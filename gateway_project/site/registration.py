"""`/register/`: a new account, by the same rules as `/api/auth/register/`, and signed in afterwards."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import structlog
from django.contrib import messages
from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _, gettext_lazy
from django.views import View
from django.views.decorators.cache import never_cache

from common.upstream import UpstreamError
from gateway_project.auth import sessions
from gateway_project.auth.cookies import set_tokens
from gateway_project.auth.devices import remember_device
from gateway_project.auth.next_page import next_page
from gateway_project.routing.pages.frame import person_of

from .asking import REFUSALS, post, told
from .forms import MAX_PASSWORD, Field, elsewhere, filled

PASSWORD_RULES = gettext_lazy(
    "At least 8 characters. Not only digits, not a common password, and not like your name or e-mail address."
)
FIELDS = (
    Field(
        "username",
        gettext_lazy("Username"),
        autocomplete="username",
        help=gettext_lazy("Letters, digits and @ . + - _ only. You sign in with it, in any case of letters."),
        has_focus=True,
    ),
    Field("email", gettext_lazy("E-mail address"), type="email", autocomplete="email", max_length=254),
    Field(
        "password",
        gettext_lazy("Password"),
        type="password",
        autocomplete="new-password",
        help=PASSWORD_RULES,
        max_length=MAX_PASSWORD,
    ),
    Field("first_name", gettext_lazy("First name"), autocomplete="given-name", is_required=False),
    Field("last_name", gettext_lazy("Last name"), autocomplete="family-name", is_required=False),
)

log = structlog.get_logger(__name__)


@method_decorator(never_cache, "dispatch")
class RegisterPage(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        if person_of(request):
            return redirect(next_page(request))
        return self._page(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            user = post(request, "auth-register", {each.name: request.POST.get(each.name, "") for each in FIELDS})
        except REFUSALS as error:
            problem, headers = told(request, error)
            return with_headers(self._page(request, problem), headers)
        return _signed_in(request, user)

    def _page(self, request: HttpRequest, problem: dict[str, Any] | None = None) -> HttpResponse:
        found = problem or {}
        context = {
            "fields": filled(FIELDS, request.POST.dict(), found),
            "problem": problem,
            "others": elsewhere(FIELDS, found),
            "next": next_page(request),
        }
        return render(request, "site/register.html", context, status=found.get("status", 200))


def with_headers(response: HttpResponse, headers: Mapping[str, str]) -> HttpResponse:
    """`response` with those headers of a problem that its page should have too."""
    for name in ("Retry-After", "Proxy-Status"):
        if name in headers:
            response[name] = headers[name]
    return response


def _signed_in(request: HttpRequest, user: dict[str, Any]) -> HttpResponse:
    """The account is there, so it is no error if signing in can't be done at this moment."""
    try:
        pair = sessions.begin(request, UUID(user["id"]))
    except (UpstreamError, Error) as error:
        log.warning("a new account can't be signed in now", user_id=user["id"], error=str(error))
        messages.success(request, _("Your account is there. Sign in with it."), fail_silently=True)
        return redirect("login")
    messages.success(
        request, _("Welcome, %(name)s. You are signed in.") % {"name": user["username"]}, fail_silently=True
    )
    response = redirect(next_page(request))
    set_tokens(response, pair)
    remember_device(request, response, user["username"])
    return response
