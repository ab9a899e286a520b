"""SimpleJWT's tokens and users without a user table: an access token holds all that the gateway knows about a user."""

import hashlib
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, NoReturn
from uuid import UUID

import jwt
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from rest_framework_simplejwt import models as simplejwt_models, tokens as simplejwt
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError, TokenError

from common.expiring import ExpiringMap
from common.identifiers import parse_id
from common.identity import key_id, key_of

from .errors import InvalidToken
from .models import Session

LATEST = 253_402_300_799  # the last second that a date can have
NOT_OURS = _("This refresh token is not one of ours. Sign in again.")
MAX_VERIFIED = 2_000  # access tokens; some 2 KB each


class KeyRing(TokenBackend):
    """SimpleJWT's backend with several keys. The first one signs, and `kid` names it; all of them verify."""

    def encode(self, payload: dict[str, Any]) -> str:
        claims = {**payload, "aud": self.audience, "iss": self.issuer}
        return jwt.encode(claims, self.signing_key, self.algorithm, headers={"kid": key_id(str(self.signing_key))})

    def decode(self, token: Any, verify: bool = True) -> dict[str, Any]:
        payload: dict[str, Any] = super().decode(token, verify)
        if type(payload.get("exp")) is not int or payload["exp"] > LATEST:  # SimpleJWT makes a date of it
            raise TokenBackendError("Token is invalid")
        return payload

    def get_verifying_key(self, token: Any) -> str:
        try:
            return key_of(token, settings.JWT_KEYS)
        except jwt.InvalidTokenError as error:
            raise TokenBackendError("Token is invalid") from error


@cache
def key_ring(leeway: timedelta = timedelta()) -> KeyRing:
    signing_key = settings.JWT_KEYS.split("\n")[0]
    return KeyRing("HS256", signing_key, audience=settings.JWT_AUDIENCE, issuer=settings.JWT_ISSUER, leeway=leeway)


class AccessToken(simplejwt.AccessToken):
    @property
    def token_backend(self) -> TokenBackend:
        return key_ring()


class PastAccessToken(AccessToken):
    """An access token that may have expired within a year. It shows that a client was signed in, and nothing more."""

    @property
    def token_backend(self) -> TokenBackend:
        return key_ring(leeway=timedelta(days=365))


class RefreshToken(simplejwt.RefreshToken):
    @property
    def token_backend(self) -> TokenBackend:
        return key_ring()


@dataclass(frozen=True, slots=True)
class TokenPair:
    access: str
    refresh: str


class TokenUser(simplejwt_models.TokenUser):
    """The `request.user` of a signed-in user: what the access token says, and nothing else.

    SimpleJWT answers None for any other attribute, so that a misspelt check would pass. Here it is an error.

    Raises:
        TokenError: a claim is missing or has the wrong type.
    """

    id: UUID  # type: ignore[assignment]  # SimpleJWT leaves it a string
    pk: UUID  # type: ignore[assignment]
    username: str
    is_staff: bool
    session_id: UUID
    expires_at: int  # Unix seconds

    def __init__(self, token: simplejwt.Token) -> None:
        super().__init__(token)
        user_id, session_id = parse_id(str(token.get("user_id"))), parse_id(str(token.get("sid")))
        username, is_staff = token.get("username"), token.get("is_staff")
        if user_id is None or session_id is None or not isinstance(username, str) or not isinstance(is_staff, bool):
            raise TokenError("A claim is missing or has the wrong type.")
        self.id = self.pk = user_id
        self.expires_at = int(token["exp"])
        self.session_id, self.username, self.is_staff = session_id, username, is_staff

    def __str__(self) -> str:
        return self.username

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")


def user_of(request: Any) -> TokenUser:
    """The signed-in user of a DRF request whose permission asks for one."""
    user = request.user
    assert isinstance(user, TokenUser)
    return user


def make_pair(session: Session) -> tuple[TokenPair, str]:
    """Tokens for `session`, and the digest of the refresh token."""
    refresh = RefreshToken()
    refresh["sid"] = str(session.pk)
    return TokenPair(make_access(session), str(refresh)), digest(refresh)


def make_access(session: Session) -> str:
    access = AccessToken()
    access["sid"] = str(session.pk)
    access["user_id"] = str(session.user_id)
    access["username"] = session.username
    access["is_staff"] = session.is_staff
    return str(access)


def digest(refresh: RefreshToken) -> str:
    return hashlib.sha256(str(refresh["jti"]).encode()).hexdigest()


# By token and keys, so that nothing outlives a change of the keys.
_verified: ExpiringMap[tuple[str, str], TokenUser] = ExpiringMap(MAX_VERIFIED)


def read_access(token: str) -> TokenUser:
    """The user whom an access token belongs to. What was verified once is remembered until the token expires.

    Raises:
        InvalidToken
    """
    key = (token, settings.JWT_KEYS)
    user = _verified.get(key, time.time())
    if user is None:
        user = _verify(token, AccessToken)
        _verified.put(key, user, user.expires_at)
    return user


def read_past_access(token: str) -> TokenUser:
    """The same of an access token that may have expired: see `PastAccessToken`."""
    return _verify(token, PastAccessToken)


def _verify(token: str, kind: type[AccessToken]) -> TokenUser:
    try:
        return TokenUser(kind(token))  # type: ignore[arg-type]  # the library annotates its own tokens only
    except TokenError as error:
        raise InvalidToken from error


def read_refresh(token: str) -> tuple[UUID, str]:
    """The session's id, and the token's digest.

    Raises:
        InvalidToken
    """
    try:
        refresh = RefreshToken(token)  # type: ignore[arg-type]
    except TokenError as error:
        raise InvalidToken(NOT_OURS) from error
    session_id = parse_id(str(refresh.get("sid")))
    if session_id is None:
        raise InvalidToken(NOT_OURS)
    return session_id, digest(refresh)
