"""Why nobody is signed in. `RevocationsUnknown` is answered with 503, all others with 401."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import AuthenticationFailed

from common.api.errors import Problem

if TYPE_CHECKING:
    from .models import Session


class InvalidCredentials(AuthenticationFailed):
    default_code = "invalid-credentials"
    default_detail = _("No active account has this username and password.")


class InvalidToken(AuthenticationFailed):
    """Forged, expired, of another type or audience, or with wrong claims."""

    default_code = "invalid-token"
    default_detail = _("The access token is invalid or has expired. Refresh it, or sign in again.")


class SessionEnded(AuthenticationFailed):
    default_code = "session-ended"
    default_detail = _("This sign-in has ended. Sign in again.")


class RefreshTokenRejected(SessionEnded):
    """Forged, expired or used before, or its session has ended."""

    default_detail = _("This refresh token is not valid any more. Sign in again.")


class TokenSpent(RefreshTokenRejected):
    """The token was rotated a moment ago: the same client has received its successor, or is about to."""

    default_code = "token-spent"
    default_detail = _("This refresh token has just been used. Use the next one, which that answer holds.")

    def __init__(self, session: "Session") -> None:
        super().__init__()
        self.session = session


class RevocationsUnknown(Problem):
    status_code = 503
    slug = "revocations-unknown"
    wait = 1  # seconds
    title = _("Service unavailable")
    default_detail = _("Sign-ins cannot be checked at the moment. Try again soon.")
