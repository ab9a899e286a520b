"""Renews a browser's tokens, so that a form can still be sent after its access token has expired."""

from collections.abc import Callable

import structlog
from django.db import Error
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from common.database_faults import fault_of
from common.upstream import UpstreamError

from .authentication import ACCESS_COOKIE, REFRESH_COOKIE
from .cookies import clear_tokens, set_tokens
from .errors import InvalidToken, SessionEnded, TokenSpent
from .sessions import renew
from .tokens import TokenPair, make_access, read_access

log = structlog.get_logger(__name__)


class RenewalMiddleware:
    """For requests with a refresh cookie and no Authorization header, whose access cookie has expired."""

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
        except TokenSpent as spent:  # another request of this browser has received the next tokens: serve this one too
            request.COOKIES[ACCESS_COOKIE] = make_access(spent.session)
        except SessionEnded:
            ended = True
        except (UpstreamError, Error) as error:  # the token still works: the next request tries again
            if isinstance(error, Error) and fault_of(error) is None:
                raise
            log.warning("a sign-in can't be renewed now", error=str(error))
        response = self.get_response(request)
        if pair and ACCESS_COOKIE not in response.cookies:  # a view that signs in or out has set its own
            set_tokens(response, pair)
        elif ended and ACCESS_COOKIE not in response.cookies:
            clear_tokens(response)
        return response


def _is_valid(access: str | None) -> bool:
    try:
        read_access(access or "")
    except InvalidToken:
        return False
    return True
