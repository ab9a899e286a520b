"""SimpleJWT's tokens, for people that the gateway has no table of."""

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar
from uuid import UUID

import jwt
from django.conf import settings
from rest_framework_simplejwt import tokens as simplejwt
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError, TokenError

from common.identifiers import parse_id
from common.identity import key_id, key_of

from .models import Session


class KeyRing(TokenBackend):
    """SimpleJWT's backend over a ring of keys: the first signs, and says so by `kid`; all verify."""

    def encode(self, payload: dict[str, Any]) -> str:
        claims = {**payload, "aud": self.audience, "iss": self.issuer}
        return jwt.encode(claims, self.signing_key, self.algorithm, headers={"kid": key_id(str(self.signing_key))})

    def get_verifying_key(self, token: Any) -> str:
        try:
            return key_of(token, settings.JWT_KEYS)
        except jwt.InvalidTokenError as error:
            raise TokenBackendError("Token is invalid") from error


@cache
def key_ring() -> KeyRing:
    signing_key = settings.JWT_KEYS.split("\n")[0]
    return KeyRing("HS256", signing_key, audience=settings.JWT_AUDIENCE, issuer=settings.JWT_ISSUER)


class AccessToken(simplejwt.AccessToken):
    @property
    def token_backend(self) -> TokenBackend:
        return key_ring()


class RefreshToken(simplejwt.RefreshToken):
    @property
    def token_backend(self) -> TokenBackend:
        return key_ring()


@dataclass(frozen=True, slots=True)
class TokenPair:
    access: str
    refresh: str


@dataclass(frozen=True, slots=True)
class SessionUser:
    """The `request.user` of a signed-in person: only what the token says, so a misspelt attribute is an error."""

    user_id: UUID
    username: str
    is_staff: bool
    session_id: UUID
    is_authenticated: ClassVar[bool] = True
    is_active: ClassVar[bool] = True
    is_anonymous: ClassVar[bool] = False

    @property
    def pk(self) -> UUID:
        return self.user_id

    def __str__(self) -> str:
        return self.username


def user_of(request: Any) -> SessionUser:
    """The signed-in user of a DRF request that passed a permission which asks for one."""
    user = request.user
    assert isinstance(user, SessionUser)
    return user


class NobodyUser:
    """The `request.user` of who isn't signed in."""

    user_id = None
    username = ""
    is_staff = False
    session_id = None
    is_authenticated = False
    is_active = False
    is_anonymous = True
    pk = None


def make_pair(session: Session) -> tuple[TokenPair, str]:
    """Tokens for `session`, and the digest of the refresh token."""
    refresh = RefreshToken()
    refresh["sid"] = str(session.pk)
    access = AccessToken()
    access["sid"] = str(session.pk)
    access["user_id"] = str(session.user_id)
    access["username"] = session.username
    access["is_staff"] = session.is_staff
    return TokenPair(str(access), str(refresh)), digest(refresh)


def digest(refresh: RefreshToken) -> str:
    return hashlib.sha256(str(refresh["jti"]).encode()).hexdigest()


def read_access(token: str) -> SessionUser:
    """The user that an access token proves.

    Raises:
        TokenError: forged, expired, of another kind or purpose, or with claims of a wrong shape.
    """
    claims: Any = AccessToken(token)  # type: ignore[arg-type]
    user_id, session_id = parse_id(str(claims.get("user_id"))), parse_id(str(claims.get("sid")))
    username, is_staff = claims.get("username"), claims.get("is_staff")
    if user_id is None or session_id is None or not isinstance(username, str) or not isinstance(is_staff, bool):
        raise TokenError("The token's claims are not as they must be.")
    return SessionUser(user_id, username, is_staff, session_id)


def read_refresh(token: str) -> tuple[UUID, str]:
    """The session's id, and the token's digest. Raises `TokenError`."""
    refresh = RefreshToken(token)  # type: ignore[arg-type]
    session_id = parse_id(str(refresh.get("sid")))
    if session_id is None:
        raise TokenError("The token names no session.")
    return session_id, digest(refresh)
