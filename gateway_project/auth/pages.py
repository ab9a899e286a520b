"""Signing in and out for people, with pages and cookies."""

from math import ceil
from typing import Any
from urllib.parse import urlencode

from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext, gettext_lazy as _, ngettext
from django.views import View
from django.views.decorators.cache import never_cache
from rest_framework.exceptions import Throttled

from common.api import errors as common_errors
from common.upstream import UpstreamError
from gateway_project.schemas.users import Credentials
from gateway_project.upstreams.problems import problem_of

from . import sessions
from .authentication import REFRESH_COOKIE, cookie_user
from .cookies import clear_tokens, set_tokens
from .devices import remember_device
from .errors import InvalidCredentials, InvalidToken
from .next_page import START, next_page
from .throttles import count_request

NOBODY_CAN = _("Nobody can sign in at the moment. Try again soon.")


@method_decorator(never_cache, "dispatch")
class LoginPage(View):
    """The sign-in page, the only view that sets token cookies. Like all our forms it needs a CSRF token."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return redirect(next_page(request)) if cookie_user(request) else self._page(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        data = Credentials(data={name: request.POST.get(name, "") for name in ("username", "password")})
        try:
            count_request(request)
            if not data.is_valid():  # no account has these, so the users service need not be asked
                raise InvalidCredentials
            pair = sessions.sign_in(request, **data.validated_data)
        except InvalidCredentials as error:
            return self._page(request, str(error.detail), error.status_code)
        except Throttled as error:
            return self._throttled_page(request, ceil(getattr(error, "wait", None) or 1))
        except UpstreamError as error:
            return self._page(request, NOBODY_CAN, problem_of(error).status)
        except Error as error:  # of the gateway's own database
            if (problem := common_errors.problem_of(error)) is None:
                raise
            return self._page(request, NOBODY_CAN, problem.status_code)
        response = redirect(next_page(request))
        set_tokens(response, pair)
        remember_device(request, response, data.validated_data["username"])
        return response

    def _throttled_page(self, request: HttpRequest, wait_s: int) -> HttpResponse:
        response = self._page(request, too_many_attempts(wait_s), 429)
        response["Retry-After"] = str(wait_s)
        return response

    def _page(self, request: HttpRequest, error: Any = "", status: int = 200) -> HttpResponse:
        context = {"error": error, "next": next_page(request), "username": request.POST.get("username", "")}
        return render(request, "auth/login.html", context, status=status)


@method_decorator(never_cache, "dispatch")
class LogoutPage(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        user = cookie_user(request)
        if user is None:
            return redirect("login")
        return render(request, "auth/logout.html", {"user": user, "next": request.GET.get("next", "")})

    def post(self, request: HttpRequest) -> HttpResponse:
        user = cookie_user(request)
        if user is not None:
            sessions.revoke(sessions.open_sessions().filter(pk=user.session_id), "signed out")
        elif refresh := request.COOKIES.get(REFRESH_COOKIE):
            _sign_out_quietly(refresh)
        wanted = next_page(request)
        login = reverse("login")
        response = redirect(login if wanted == START else f"{login}?{urlencode({'next': wanted})}")
        clear_tokens(response)
        return response


def too_many_attempts(wait_s: int) -> str:
    if wait_s < 120:
        told = ngettext(
            "Too many attempts. Try again in a second.", "Too many attempts. Try again in %(wait)d seconds.", wait_s
        )
        return told % {"wait": wait_s}
    return gettext("Too many attempts. Try again in %(wait)d minutes.") % {"wait": ceil(wait_s / 60)}


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """`CSRF_FAILURE_VIEW`."""
    detail = _("The form is too old, or came from another site. Go back, reload it and send it again.")
    return common_errors.problem_response(request, 403, "csrf-failed", detail)


def _sign_out_quietly(refresh: str) -> None:
    try:
        sessions.sign_out(refresh)
    except InvalidToken:
        pass
