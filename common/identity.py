"""Who calls: short-lived internal tokens, one key a pair of caller and callee.

A token names its issuer (`iss`, the calling service), its audience (`aud`), the user on whose behalf it was made
(`sub`) and whether that user is staff. Services take nothing else as trust, so reaching their port gains nothing.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import UUID

import jwt
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from common.expiring import ExpiringMap
from common.identifiers import parse_id
from common.observability.tracing import note

ALGORITHM = "HS256"
LIFETIME_S = 60
LEEWAY_S = 10
MAX_REMEMBERED = 2_000  # tokens; some 1 KB each


@dataclass(frozen=True, slots=True)
class Caller:
    """The `request.user` of a service: the calling service, and the user it calls for."""

    service: str
    user_id: UUID | None = None
    is_staff: bool = False
    is_authenticated: ClassVar[bool] = True
    is_active: ClassVar[bool] = True

    @property
    def pk(self) -> UUID | None:
        return self.user_id


@dataclass(frozen=True, slots=True)
class TokenIssuer:
    """Makes the tokens of one pair.

    `key` may be a ring, one key a line, of which the first signs; `clock` gives Unix seconds.
    """

    issuer: str
    audience: str
    key: str
    clock: Callable[[], float] = time.time
    _issued: ExpiringMap[tuple[UUID | None, bool], tuple[str, float]] = field(
        default_factory=lambda: ExpiringMap(MAX_REMEMBERED), repr=False, compare=False
    )

    def issue(self, user_id: UUID | None = None, *, is_staff: bool = False) -> str:
        """A token that is valid for half of `LIFETIME_S` at least: until then the same user gets the same one.

        One that was issued before the clock was set back is not valid yet, and is not used again.
        """
        now = self.clock()
        token, issued_at = self._issued.get((user_id, is_staff), now) or ("", now)
        if not token or issued_at > now:
            token = self._sign(int(now), user_id, is_staff)
            self._issued.put((user_id, is_staff), (token, now), now + LIFETIME_S / 2)
        return token

    def _sign(self, now: int, user_id: UUID | None, is_staff: bool) -> str:
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": self.audience,
            "iat": now,
            "exp": now + LIFETIME_S,
            "is_staff": is_staff,
        }
        if user_id is not None:
            claims["sub"] = str(user_id)
        key = self.key.split("\n")[0]
        return jwt.encode(claims, key, ALGORITHM, headers={"kid": key_id(key)})


def key_id(key: str) -> str:
    """The `kid` (RFC 7515, 4.1.4) by which a token names its key, so that two can be in use while they are changed."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def key_of(token: str, ring: str) -> str:
    """The key of `ring` that `token` names; the first when it names none.

    Raises:
        jwt.InvalidTokenError: it names another, or is no token.
    """
    keys = ring.split("\n")
    kid = jwt.get_unverified_header(token).get("kid")
    if kid is None:
        return keys[0]
    if named := next((key for key in keys if key_id(key) == kid), None):
        return named
    raise jwt.InvalidSignatureError("unknown key")


# By token, audience and keys, so that nothing outlives a change of the keys.
_verified: ExpiringMap[tuple[str, str, tuple[tuple[str, str], ...]], Caller] = ExpiringMap(MAX_REMEMBERED)


def read_token(token: str, audience: str, keys: dict[str, str], clock: Callable[[], float] = time.time) -> Caller:
    """The caller that `token` proves; `keys` has a ring for each service that may call `audience`.

    What was verified once is remembered until the token expires. `clock` gives Unix seconds.

    Raises:
        jwt.InvalidTokenError: no such issuer, another's key, another audience, expired, or claims of a wrong shape.
    """
    key = (token, audience, tuple(keys.items()))
    caller = _verified.get(key, clock())
    if caller is None:
        caller, expires_at = _verify(token, audience, keys)
        _verified.put(key, caller, expires_at)
    return caller


def _verify(token: str, audience: str, keys: dict[str, str]) -> tuple[Caller, float]:
    """The caller, and the moment from which `token` is refused (Unix seconds)."""
    unverified = jwt.decode(token, options={"verify_signature": False})
    issuer = unverified.get("iss")
    ring = keys.get(issuer) if isinstance(issuer, str) else None
    if ring is None:
        raise jwt.InvalidIssuerError("unknown issuer")
    claims = jwt.decode(
        token,
        key_of(token, ring),
        algorithms=[ALGORITHM],
        audience=audience,
        issuer=issuer,
        leeway=LEEWAY_S,
        options={"require": ["exp", "iat", "aud", "iss"]},
    )
    user_id = parse_id(claims["sub"]) if "sub" in claims else None
    if "sub" in claims and user_id is None:
        raise jwt.InvalidTokenError("sub is no UUID")
    return Caller(str(issuer), user_id, claims.get("is_staff") is True), int(claims["exp"]) + LEEWAY_S


class InternalTokenAuthentication(BaseAuthentication):
    """Reads `Authorization: Bearer …` by the settings SERVICE_NAME and CALLER_KEYS."""

    def authenticate(self, request: Request) -> tuple[Caller, None] | None:
        scheme, _separator, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return None
        try:
            caller = read_token(token, settings.SERVICE_NAME, settings.CALLER_KEYS)
        except jwt.InvalidTokenError as error:
            raise AuthenticationFailed(_("The internal token is not valid here.")) from error
        note(caller=caller.service, user_id=str(caller.user_id) if caller.user_id else None)
        return caller, None

    def authenticate_header(self, request: Request) -> str:
        return f'Bearer realm="{settings.SERVICE_NAME}"'


class NamedCallers(BasePermission):
    """Lets in the services that the view's `callers` names, and nobody where it names none."""

    message: Any = _("This service may not call this route.")

    def has_permission(self, request: Request, view: Any) -> bool:
        caller: object = request.user
        return isinstance(caller, Caller) and caller.service in getattr(view, "callers", ())


class StaffOnly(NamedCallers):
    """Named callers, on behalf of staff."""

    message = _("Only staff may do this. Sign in as staff.")

    def has_permission(self, request: Request, view: Any) -> bool:
        return super().has_permission(request, view) and caller_of(request).is_staff


class StaffWrites(NamedCallers):
    """Named callers read for anyone, and write on behalf of staff."""

    message = _("Only staff may do this. Sign in as staff.")

    def has_permission(self, request: Request, view: Any) -> bool:
        if not super().has_permission(request, view):
            return False
        return request.method in {"GET", "HEAD", "OPTIONS"} or caller_of(request).is_staff


def caller_of(request: Request) -> Caller:
    """The caller of a request that passed `NamedCallers`."""
    caller: object = request.user
    assert isinstance(caller, Caller)
    return caller
