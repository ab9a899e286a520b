"""Access tokens that aren't: each differs from one that staff could use in a single thing."""

import base64
import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import jwt

from tests.system.client import Client
from tests.system.plaza import System

HOUR_S = 3600

Claims = dict[str, Any]


class Forger:
    """Knows the signing key; where it uses another, that is the point."""

    def __init__(self, system: System, staff: Client, customer: Client) -> None:
        self._system, self._staff, self._customer = system, staff, customer
        self._key = system.secret("jwt-signing").split("\n")[0]

    def header(self) -> dict[str, Any]:
        header: dict[str, Any] = jwt.get_unverified_header(self._staff.access)
        return header

    def claims(self) -> Claims:
        """Those of a token that the gateway gave to staff."""
        claims: Claims = jwt.decode(self._staff.access, options={"verify_signature": False})
        return claims

    def sign(
        self, key: str | None = None, algorithm: str = "HS256", headers: Mapping[str, Any] | None = None, **changes: Any
    ) -> str:
        """A change to None takes the claim away."""
        claims = {name: value for name, value in (self.claims() | changes).items() if value is not None}
        token = jwt.encode(claims, key or self._key, headers={**self.header(), "alg": algorithm, **(headers or {})})
        self._system.sensitive.add(token)
        return token

    def with_another_key(self) -> str:
        return self.sign(self._system.secret("gateway-users"))

    def with_an_empty_key(self) -> str:
        return self._signed(b"")

    def with_its_own_key_in_the_header(self) -> str:
        own = "a key of the caller's own making"
        return self.sign(own, headers={"jwk": {"kty": "oct", "k": encoded_bytes(own.encode())}, "kid": "own"})

    def tampered(self) -> str:
        """A customer's, made staff's; the signature is the gateway's."""
        header, payload, signature = self._customer.access.split(".")
        claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
        return f"{header}.{encoded(claims | {'is_staff': True})}.{signature}"

    def relabelled(self, **header: Any) -> str:
        """With other words in its header; the signature is the gateway's."""
        _, payload, signature = self._staff.access.split(".")
        return f"{encoded(self.header() | header)}.{payload}.{signature}"

    def unsigned(self, algorithm: str = "none") -> str:
        return f"{encoded(self.header() | {'alg': algorithm})}.{encoded(self.claims())}."

    def _signed(self, key: bytes) -> str:
        """By hand, where PyJWT would not."""
        signed = f"{encoded(self.header())}.{encoded(self.claims())}"
        return f"{signed}.{encoded_bytes(hmac.digest(key, signed.encode(), 'sha256'))}"

    def stripped(self) -> str:
        return self._staff.access.rpartition(".")[0] + "."

    def refresh(self) -> str:
        return self._staff.refresh


def encoded(part: Claims) -> str:
    return encoded_bytes(json.dumps(part).encode())


def encoded_bytes(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


def now() -> int:
    return int(time.time())


FORGERIES: Mapping[str, Callable[[Forger], str]] = {
    "expired": lambda forger: forger.sign(iat=now() - 2 * HOUR_S, exp=now() - HOUR_S),
    "expired a second ago": lambda forger: forger.sign(exp=now() - 1),
    "not valid yet": lambda forger: forger.sign(nbf=now() + HOUR_S),
    "without an expiry": lambda forger: forger.sign(exp=None),
    "refresh as access": Forger.refresh,
    "of no type": lambda forger: forger.sign(token_type=None),
    "foreign key": Forger.with_another_key,
    "empty key": Forger.with_an_empty_key,
    "its own key": Forger.with_its_own_key_in_the_header,
    "alg: none": Forger.unsigned,
    "alg: None": lambda forger: forger.unsigned("None"),
    "another algorithm": lambda forger: forger.sign(algorithm="HS512"),
    "without its signature": Forger.stripped,
    "a key's name that is none": lambda forger: forger.sign(headers={"kid": "../../dev/null"}),
    "a key's name that is a list": lambda forger: forger.relabelled(kid=["a"]),
    "a header that must be understood": lambda forger: forger.sign(headers={"crit": ["b64"], "b64": False}),
    "wrong audience": lambda forger: forger.sign(aud="users"),
    "without an audience": lambda forger: forger.sign(aud=None),
    "wrong issuer": lambda forger: forger.sign(iss="gateway"),
    "tampered claim": Forger.tampered,
    "without a user": lambda forger: forger.sign(user_id=None),
    "without a session": lambda forger: forger.sign(sid=None),
    "session that is no id": lambda forger: forger.sign(sid="' OR 1=1"),
    "staff by a word": lambda forger: forger.sign(is_staff="true"),
    "no token at all": lambda forger: "let-me-in",
}
