"""`/password-reset/`: asking for a new password, and choosing it by the link of the letter."""

import re
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _, gettext_lazy
from django.views import View
from django.views.decorators.cache import never_cache
from rest_framework.exceptions import ValidationError

from gateway_project.auth.throttles import count_request
from gateway_project.schemas.users import CredentialsVerdict
from gateway_project.store.addresses import client_network
from gateway_project.upstreams.client import ask, upstream

from .asking import REFUSALS, as_problem, post, told
from .forms import MAX_PASSWORD, Field, elsewhere, filled
from .registration import PASSWORD_RULES, with_headers

ACCOUNT = (
    Field(
        "account",
        gettext_lazy("Username or e-mail address"),
        autocomplete="username",
        max_length=254,
        has_focus=True,
    ),
)
PASSWORDS = (
    Field(
        "new_password",
        gettext_lazy("New password"),
        type="password",
        autocomplete="new-password",
        help=PASSWORD_RULES,
        max_length=MAX_PASSWORD,
        has_focus=True,
    ),
    Field(
        "again",
        gettext_lazy("The same again"),
        type="password",
        autocomplete="new-password",
        max_length=MAX_PASSWORD,
    ),
)
TOKEN = re.compile(r"[0-9a-z]{1,13}-[0-9a-f]{32}")  # as Django writes them
SPENT = "/problems/reset-link-invalid"


def _page(
    request: HttpRequest, template: str, fields: tuple[Field, ...], problem: dict[str, Any] | None = None, **more: Any
) -> HttpResponse:
    found = problem or {}
    context = {
        "fields": filled(fields, request.POST.dict(), found),
        "problem": problem,
        "others": elsewhere(fields, found),
        **more,
    }
    return render(request, template, context, status=found.get("status", 200))


@method_decorator(never_cache, "dispatch")
class ResetRequestPage(View):
    """What it answers does not depend on whether there is such an account."""

    template = "site/password_reset.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return _page(request, self.template, ACCOUNT)

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            post(request, "auth-password-reset", {"account": request.POST.get("account", "")})
        except REFUSALS as error:
            problem, headers = told(request, error)
            return with_headers(_page(request, self.template, ACCOUNT, problem), headers)
        return render(request, "site/password_reset_sent.html")


@method_decorator(never_cache, "dispatch")
class ResetPage(View):
    """The page that the letter's link leads to. Its address is told to no other site: see SECURE_REFERRER_POLICY."""

    def get(self, request: HttpRequest, user_id: UUID, token: str) -> HttpResponse:
        try:
            count_request(request)
            is_good = _is_good(request, user_id, token)
        except REFUSALS as error:
            return as_problem(request, error)
        return self._form(request) if is_good else self._spent(request)

    def post(self, request: HttpRequest, user_id: UUID, token: str) -> HttpResponse:
        chosen = request.POST.get("new_password", "")
        try:
            if chosen != request.POST.get("again", ""):
                raise ValidationError({"again": [_("The two are not the same. Type the new password twice.")]})
            form = {"user_id": str(user_id), "token": token, "new_password": chosen}
            post(request, "auth-password-reset-confirm", form)
        except REFUSALS as error:
            problem, headers = told(request, error)
            page = self._spent(request) if problem["type"] == SPENT else self._form(request, problem)
            return with_headers(page, headers)
        messages.success(request, _("Your new password is set. Sign in with it."), fail_silently=True)
        return redirect("login")

    def _form(self, request: HttpRequest, problem: dict[str, Any] | None = None) -> HttpResponse:
        return _page(request, "site/new_password.html", PASSWORDS, problem)

    def _spent(self, request: HttpRequest) -> HttpResponse:
        return render(request, "site/password_reset_spent.html", status=404)


def _is_good(request: HttpRequest, user_id: UUID, token: str) -> bool:
    """Whether the link still works: so nobody chooses a password in vain."""
    if not TOKEN.fullmatch(token):
        return False
    body = {"user_id": user_id, "token": token}
    lane = upstream("users", "accounts")
    verdict = ask(lane, "POST", "/password-resets/", CredentialsVerdict, body, caller=client_network(request))
    return verdict is not None and verdict.user is not None
