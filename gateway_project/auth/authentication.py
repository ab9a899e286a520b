"""From a request to a `SessionUser`: the Authorization header, else the browser's cookies under CSRF."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request
from rest_framework_simplejwt.exceptions import TokenError

from common.tracing import note

from .revocation import revocations
from .tokens import SessionUser, read_access

ACCESS_COOKIE = f"{settings.COOKIE_PREFIX}plaza_access"
REFRESH_COOKIE = f"{settings.COOKIE_PREFIX}plaza_refresh"


class SessionAuthentication(BaseAuthentication):
    """A wrong token is 401, never anonymous; only a cookie that is over counts as absent."""

    def authenticate(self, request: Request) -> tuple[SessionUser, str] | None:
        header = request.headers.get("Authorization")
        if header is not None:
            return self._by_header(header)
        user = cookie_user(request._request)
        if user is None:
            return None
        _require_csrf(request._request)
        note(user_id=str(user.user_id))
        return user, "cookie"

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="plaza"'

    def _by_header(self, header: str) -> tuple[SessionUser, str]:
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise AuthenticationFailed("The Authorization header takes: Bearer <access token>.", "invalid-token")
        try:
            user = read_access(token.strip())
        except TokenError as error:
            raise AuthenticationFailed("The access token is not valid, or is over.", "invalid-token") from error
        if revocations.is_revoked(user.session_id):
            raise AuthenticationFailed("This sign-in has ended.", "session-ended")
        note(user_id=str(user.user_id))
        return user, "header"


def cookie_user(request: HttpRequest) -> SessionUser | None:
    """Whom the access cookie proves, also for pages outside DRF; None when it is absent or over."""
    try:
        user = read_access(request.COOKIES[ACCESS_COOKIE])
    except (KeyError, TokenError):
        return None
    return None if revocations.is_revoked(user.session_id) else user


def _require_csrf(request: HttpRequest) -> None:
    """Cookies come with any site's request; a token proves that ours made it. Safe methods pass."""
    check = _CSRFCheck(lambda request: HttpResponse())
    check.process_request(request)
    if reason := check.process_view(request, lambda request: HttpResponse(), (), {}):
        raise PermissionDenied(f"CSRF: {reason}", "csrf-failed")


class _CSRFCheck(CsrfViewMiddleware):
    def _reject(self, request: HttpRequest, reason: str) -> Any:
        return reason
