"""Beginning, renewing and ending sign-ins."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone
from rest_framework_simplejwt.exceptions import TokenError

from gateway_project.routing.upstreams import ask
from gateway_project.schemas.users import Account, CredentialsVerdict

from .models import Session
from .revocation import revocations
from .tokens import TokenPair, make_pair, read_refresh

REUSE_GRACE = timedelta(seconds=10)  # two tabs, or a reply that was lost: refused, but no theft

log = structlog.get_logger(__name__)


class SessionEnded(Exception):
    """The refresh token opens nothing (any more)."""


class TokenSpent(SessionEnded):
    """The token was rotated a moment ago: its successor is on its way to the same client."""


def sign_in(*, username: str, password: str, device: str, address: str) -> TokenPair | None:
    """Tokens of a new session, or None when the users service knows no such active account.

    Raises:
        UpstreamError: the users service can't be asked.
    """
    body = {"username": username, "password": password}
    verdict = ask("users", "POST", "/credentials/", CredentialsVerdict, body)
    if verdict is None or verdict.user is None:
        return None
    account = verdict.user
    now = timezone.now()
    session = Session(
        user_id=account.id,
        username=account.username,
        is_staff=account.is_staff,
        password_version=account.password_version,
        device=device[:200],
        address=address,
        expires_at=now + settings.SESSION_LIFETIME,
    )
    pair, session.token_digest = make_pair(session)
    session.save(force_insert=True)
    return pair


def renew(refresh: str) -> TokenPair:
    """The next pair. The account is re-read first, so a users service that is down costs nobody a session.

    Raises:
        SessionEnded: forged, used before, revoked, expired, or the account is no longer what it was.
        UpstreamError: the users service can't be asked; the token still works.
    """
    session, presented = _find(refresh)
    if session.token_digest != presented:
        raise _reused(session, presented)
    _check_account(session)
    pair, next_digest = make_pair(session)
    now = timezone.now()
    # Of two requests with one token, one finds it; the database decides which.
    rotated = (
        open_sessions()
        .filter(pk=session.pk, token_digest=presented)
        .update(token_digest=next_digest, previous_digest=presented, rotated_at=now, last_used_at=now)
    )
    if not rotated:
        session.refresh_from_db()
        raise _reused(session, presented)
    return pair


def sign_out(refresh: str) -> None:
    """End the session of a refresh token; one that is over already is no error.

    Raises:
        SessionEnded: the token is not one of ours.
    """
    try:
        session_id, _ = read_refresh(refresh)
    except TokenError as error:
        raise SessionEnded from error
    revoke(open_sessions().filter(pk=session_id), "signed out")


def open_sessions() -> QuerySet[Session]:
    return Session.objects.filter(revoked_at=None, expires_at__gt=timezone.now())


def sessions_of(user_id: UUID) -> QuerySet[Session]:
    """A user's open sign-ins, newest first; one whose refresh token has expired is as good as over."""
    since = timezone.now() - settings.REFRESH_LIFETIME
    return open_sessions().filter(user_id=user_id, rotated_at__gt=since).order_by("-created_at")


def revoke_user(user_id: UUID, because: str, *, except_for: UUID | None = None) -> None:
    revoke(open_sessions().filter(~Q(pk=except_for), user_id=user_id), because)


def revoke(sessions: QuerySet[Session], because: str) -> int:
    """End `sessions`; how many. This process refuses their tokens at once, the others within a second."""
    ids: Iterable[UUID] = list(sessions.values_list("pk", flat=True))
    count = Session.objects.filter(pk__in=ids, revoked_at=None).update(
        revoked_at=timezone.now(), revoked_because=because[:20]
    )
    revocations.add(ids)
    return count


def _find(refresh: str) -> tuple[Session, str]:
    try:
        session_id, presented = read_refresh(refresh)
        return open_sessions().get(pk=session_id), presented
    except (TokenError, Session.DoesNotExist) as error:
        raise SessionEnded from error


def _reused(session: Session, presented: str) -> SessionEnded:
    """A rotated token came back: somebody else may have it, unless its rotation was just now."""
    just_rotated = presented == session.previous_digest and timezone.now() - session.rotated_at < REUSE_GRACE
    if just_rotated:
        return TokenSpent()
    log.warning("refresh token reused", user_id=str(session.user_id), session_id=str(session.pk))
    revoke(open_sessions().filter(pk=session.pk), "token reused")
    return SessionEnded()


def _check_account(session: Session) -> None:
    account = ask("users", "GET", f"/accounts/{session.user_id}/", Account)
    unchanged = (
        account is not None
        and account.is_active
        and account.is_staff == session.is_staff
        and account.password_version == session.password_version
    )
    if not unchanged:
        revoke(open_sessions().filter(pk=session.pk), "account changed")
        raise SessionEnded
    assert account is not None
    if account.username != session.username:
        session.username = account.username
        session.save(update_fields=["username"])
