"""Finds the user of a request: by the Authorization header, else by the browser's cookies, which need a CSRF token."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from common.observability.tracing import note

from .errors import InvalidToken, RevocationsUnknown, SessionEnded
from .permissions import AllowAny
from .revocation import revocations
from .tokens import TokenUser, read_access

ACCESS_COOKIE = f"{settings.COOKIE_PREFIX}plaza_access"
REFRESH_COOKIE = f"{settings.COOKIE_PREFIX}plaza_refresh"


class JWTAuthentication(BaseAuthentication):
    """A wrong token is 401, never anonymous, but for a view that is open to anyone: there it counts as absent.

    So does everywhere a cookie that has expired.
    """

    def authenticate(self, request: Request) -> tuple[TokenUser, str] | None:
        header = request.META.get("HTTP_AUTHORIZATION")
        if header is not None:
            try:
                return self._by_header(header)
            except (InvalidToken, SessionEnded, RevocationsUnknown):
                if _is_open(request):
                    return None
                raise
        user = cookie_user(request._request)
        if user is None:
            return None
        _require_csrf(request._request)
        note(user_id=str(user.pk))
        return user, "cookie"

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="plaza"'

    def _by_header(self, header: str) -> tuple[TokenUser, str]:
        user = verify_access(bearer_token(header))
        note(user_id=str(user.pk))
        return user, "header"


def _is_open(request: Request) -> bool:
    """Whether the view that was asked is for anyone."""
    view: Any = request.parser_context["view"]
    return all(isinstance(permission, AllowAny) for permission in view.get_permissions())


def bearer_token(header: str) -> str:
    """The token of an Authorization header. Raises `InvalidToken` if it holds none."""
    scheme, _separator, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise InvalidToken(_("The Authorization header takes: Bearer <access token>."))
    return token.strip()


def verify_access(token: str) -> TokenUser:
    """The user of an access token whose session is still open.

    Raises:
        InvalidToken, SessionEnded, RevocationsUnknown
    """
    user = read_access(token)
    if revocations.is_revoked(user.session_id):
        raise SessionEnded
    return user


def cookie_user(request: HttpRequest) -> TokenUser | None:
    """The user of the access cookie, also for pages outside DRF. None if it is absent, invalid or revoked."""
    try:
        return verify_access(request.COOKIES[ACCESS_COOKIE])
    except (KeyError, InvalidToken, SessionEnded):
        return None


def _require_csrf(request: HttpRequest) -> None:
    """Browsers send cookies with any site's request. The CSRF token proves that our page made it. Safe methods pass."""
    check = _CSRFCheck(lambda request: HttpResponse())
    check.process_request(request)
    if reason := check.process_view(request, lambda request: HttpResponse(), (), {}):
        told = _("The form is too old, or came from another site. Reload it and send it again.")
        raise PermissionDenied(f"{told} (CSRF: {reason})", "csrf-failed")


class _CSRFCheck(CsrfViewMiddleware):
    def _reject(self, request: HttpRequest, reason: str) -> Any:
        return reason
