"""Clients that have signed in to an account before. Strangers who guess its password can't lock them out.

A browser gets a cookie that proves it and outlives its sessions. A program sends the access token of its last sign-in,
which may have expired, in the Authorization header, as it does with any other request. Of a program that doesn't, at
least the address is known.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from common.unicode import folded

from .authentication import bearer_token
from .errors import InvalidToken
from .models import Session
from .tokens import read_past_access

DEVICE_COOKIE = f"{settings.COOKIE_PREFIX}plaza_device"
COOKIE_LIFETIME_S = 365 * 24 * 3600
MAX_ACCOUNTS = 10  # in one cookie: a family's computer, and still a short header
SALT = "plaza.device"
NETWORK_KNOWN_FOR = timedelta(days=90)  # later it may belong to somebody else


@dataclass(frozen=True, slots=True)
class Device:
    """A client that we know. `accounts` are digests of usernames, the last one that signed in first."""

    id: str
    accounts: tuple[str, ...]

    def has_signed_in_to(self, username: str) -> bool:
        return account_digest(username) in self.accounts


def device_of(request: HttpRequest) -> Device | None:
    return _by_token(request) or _by_cookie(request)


def remember_device(request: HttpRequest, response: HttpResponseBase, username: str) -> None:
    """Let the browser prove from now on that it has signed in as `username`."""
    known = _by_cookie(request) or Device(secrets.token_urlsafe(16), ())
    accounts = dict.fromkeys([account_digest(username), *known.accounts])
    value = signing.dumps([known.id, *list(accounts)[:MAX_ACCOUNTS]], salt=SALT)
    response.set_cookie(
        DEVICE_COOKIE,
        value,
        max_age=COOKIE_LIFETIME_S,
        secure=settings.IS_HTTPS,
        httponly=True,
        samesite="Lax",
    )


def has_signed_in_from(network: str, username: str) -> bool:
    """Whether this account was signed in to from this network within `NETWORK_KNOWN_FOR`."""
    since = timezone.now() - NETWORK_KNOWN_FOR
    known = Session.objects.filter(username_key=folded(username), network=network, created_at__gt=since)
    return known.exists()


def account_digest(username: str) -> str:
    return hashlib.blake2b(folded(username).encode(), digest_size=12).hexdigest()


def _by_token(request: HttpRequest) -> Device | None:
    try:
        user = read_past_access(bearer_token(request.headers.get("Authorization", "")))
    except InvalidToken:
        return None
    return Device(str(user.session_id), (account_digest(user.username),))


def _by_cookie(request: HttpRequest) -> Device | None:
    try:
        id_, *accounts = signing.loads(request.COOKIES.get(DEVICE_COOKIE, ""), salt=SALT, max_age=COOKIE_LIFETIME_S)
    except signing.BadSignature:
        return None
    return Device(id_, tuple(accounts))
