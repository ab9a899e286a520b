"""Starts, renews and ends sessions."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from prometheus_client import Counter

from common.unicode import folded
from gateway_project.schemas.users import Account, CredentialsVerdict
from gateway_project.store.addresses import client_address, client_network, network_of
from gateway_project.upstreams.client import ask, upstream

from .devices import NETWORK_KNOWN_FOR
from .errors import InvalidCredentials, InvalidToken, RefreshTokenRejected, TokenSpent
from .models import Session
from .revocation import revocations
from .throttles import SignInGuess
from .tokens import TokenPair, make_pair, read_refresh

REUSE_GRACE = timedelta(seconds=10)  # two tabs or a lost reply: the token is refused, but it wasn't stolen

SIGN_INS = Counter("plaza_sign_ins_total", "Attempts with a password: right, wrong, throttled or failed.", ["result"])

log = structlog.get_logger(__name__)


def sign_in(request: HttpRequest, *, username: str, password: str) -> TokenPair:
    """The tokens of a new session.

    Raises:
        InvalidCredentials: the users service knows no such active account.
        Throttled: too many wrong passwords; see `throttles`.
        UpstreamError: the users service can't be asked.
    """
    return _start(request, _check_credentials(request, username, password))


def begin(request: HttpRequest, user_id: UUID) -> TokenPair:
    """The tokens of a new session for an account that has just been made.

    Raises:
        InvalidCredentials: it is gone already.
        UpstreamError: the users service can't be asked.
    """
    account = ask(upstream("users", "accounts"), "GET", f"/accounts/{user_id}/", Account, caller=user_id)
    if account is None or not account.is_active:
        raise InvalidCredentials
    return _start(request, account)


def _start(request: HttpRequest, account: Any) -> TokenPair:
    address = client_address(request)
    session = Session(
        user_id=account.id,
        username=account.username,
        username_key=folded(account.username),
        is_staff=account.is_staff,
        password_version=account.password_version,
        device=request.headers.get("User-Agent", "")[:200],
        address=address,
        network=network_of(address),
        expires_at=timezone.now() + settings.SESSION_LIFETIME,
    )
    pair, session.token_digest = make_pair(session)
    session.save(force_insert=True)
    return pair


def renew(refresh: str) -> TokenPair:
    """The next pair of tokens. The account is read first, so nobody loses a session while the users service is down.

    Raises:
        RefreshTokenRejected: forged, used before, revoked, expired, or the account has changed.
        UpstreamError: the users service can't be asked; the token still works.
    """
    session, presented = _find(refresh)
    if session.token_digest != presented:
        raise _reused(session, presented)
    _check_account(session)
    pair, next_digest = make_pair(session)
    now = timezone.now()
    # Of two requests with the same token, only one updates a row.
    rotated = (
        open_sessions()
        .filter(pk=session.pk, token_digest=presented)
        .update(
            token_digest=next_digest,
            spent=[*_just_spent(session, now), (presented, now.timestamp())],
            rotated_at=now,
            last_used_at=now,
        )
    )
    if not rotated:
        session.refresh_from_db()
        raise _reused(session, presented)
    return pair


def sign_out(refresh: str) -> None:
    """End the session of a refresh token. It is no error if the session has ended already.

    Raises:
        InvalidToken: the token is not one of ours.
    """
    session_id, _ = read_refresh(refresh)
    revoke(open_sessions().filter(pk=session_id), "signed out")


def open_sessions() -> QuerySet[Session]:
    return Session.objects.filter(revoked_at=None, expires_at__gt=timezone.now())


def sessions_of(user_id: UUID) -> QuerySet[Session]:
    """A user's open sessions, without those whose refresh token has expired."""
    since = timezone.now() - settings.REFRESH_LIFETIME
    return open_sessions().filter(user_id=user_id, rotated_at__gt=since)


def forgettable_sessions() -> QuerySet[Session]:
    """Ended for good, and too old to show that an account was signed in to from a network."""
    now = timezone.now()
    return Session.objects.filter(expires_at__lt=now, created_at__lt=now - NETWORK_KNOWN_FOR)


def revoke_user(user_id: UUID, because: str, *, except_for: UUID | None = None) -> None:
    revoke(open_sessions().filter(~Q(pk=except_for), user_id=user_id), because)


def revoke(sessions: QuerySet[Session], because: str) -> int:
    """End `sessions`, and return how many. This process refuses their tokens at once, others within a second."""
    ids: Iterable[UUID] = list(sessions.values_list("pk", flat=True))
    count = Session.objects.filter(pk__in=ids, revoked_at=None).update(
        revoked_at=timezone.now(), revoked_because=because[:20]
    )
    revocations.add(ids)
    return count


def _check_credentials(request: HttpRequest, username: str, password: str) -> Any:
    """The account, as a struct of `schemas.users.Account`."""
    body = {"username": username, "password": password}
    lane = upstream("users", "credentials")
    result = "throttled"  # unless the guess is let in
    try:
        with SignInGuess(request, username) as guess:
            result = "failed"
            verdict = ask(lane, "POST", "/credentials/", CredentialsVerdict, body, caller=client_network(request))
            guess.was_right = verdict is not None and verdict.user is not None
            result = "right" if guess.was_right else "wrong"
    finally:
        SIGN_INS.labels(result).inc()
    if verdict is None or verdict.user is None:
        raise InvalidCredentials
    return verdict.user


def _find(refresh: str) -> tuple[Session, str]:
    try:
        session_id, presented = read_refresh(refresh)
        return open_sessions().get(pk=session_id), presented
    except (InvalidToken, Session.DoesNotExist) as error:
        raise RefreshTokenRejected from error


def _just_spent(session: Session, now: datetime) -> list[tuple[str, float]]:
    """The tokens that were spent so lately that their use is no theft."""
    since = (now - REUSE_GRACE).timestamp()
    return [(digest, at) for digest, at in session.spent or () if at > since]


def _reused(session: Session, presented: str) -> RefreshTokenRejected:
    """A rotated token was used again. It may have been stolen, unless it was rotated a moment ago."""
    if presented in dict(_just_spent(session, timezone.now())):
        return TokenSpent(session)
    log.warning("refresh token reused", user_id=str(session.user_id), session_id=str(session.pk))
    revoke(open_sessions().filter(pk=session.pk), "token reused")
    return RefreshTokenRejected()


def _check_account(session: Session) -> None:
    lane = upstream("users", "accounts")
    account = ask(lane, "GET", f"/accounts/{session.user_id}/", Account, caller=session.user_id)
    unchanged = (
        account is not None
        and account.is_active
        and account.is_staff == session.is_staff
        and account.password_version == session.password_version
    )
    if not unchanged:
        revoke(open_sessions().filter(pk=session.pk), "account changed")
        raise RefreshTokenRejected
    assert account is not None
    if account.username != session.username:
        session.username, session.username_key = account.username, folded(account.username)
        session.save(update_fields=["username", "username_key"])
