"""Renews a browser's tokens while it is in use, so that a form left open doesn't die with its access token."""

from collections.abc import Callable

import structlog
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework_simplejwt.exceptions import TokenError

from common.upstream import UpstreamError

from .authentication import ACCESS_COOKIE, REFRESH_COOKIE
from .cookies import clear_tokens, set_tokens
from .sessions import SessionEnded, TokenSpent, renew
from .tokens import TokenPair, read_access

log = structlog.get_logger(__name__)


class RenewalMiddleware:
    """Acts on requests with a refresh cookie, without an Authorization header, whose access cookie is over."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        refresh = request.COOKIES.get(REFRESH_COOKIE)
        if refresh is None or "Authorization" in request.headers or _is_valid(request.COOKIES.get(ACCESS_COOKIE)):
            return self.get_response(request)
        pair: TokenPair | None = None
        ended = False
        try:
            pair = renew(refresh)
            request.COOKIES[ACCESS_COOKIE] = pair.access
        except TokenSpent:  # another tab's request has just brought the browser the next one
            pass
        except SessionEnded:
            ended = True
        except UpstreamError as error:  # the token still works: the next request tries again
            log.warning("a sign-in can't be renewed now", error=str(error))
        response = self.get_response(request)
        if pair and ACCESS_COOKIE not in response.cookies:  # signing in or out has its own say
            set_tokens(response, pair)
        elif ended and ACCESS_COOKIE not in response.cookies:
            clear_tokens(response)
        return response


def _is_valid(access: str | None) -> bool:
    try:
        read_access(access or "")
    except TokenError:
        return False
    return True
