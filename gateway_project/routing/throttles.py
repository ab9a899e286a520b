"""Requests counted in windows of a minute, one atomic increment each."""

import time
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from .shared import store

WINDOW_S = 60


class RequestThrottle(BaseThrottle):
    """Signed-in users are counted by user, others by address."""

    clock = staticmethod(time.time)

    def allow_request(self, request: Request, view: Any) -> bool:
        user: Any = request.user
        scope, who = ("user", str(user.user_id)) if user.user_id else ("address", client_address(request._request))
        self._wait = exceeded(scope, who, self.clock())
        return self._wait is None

    def wait(self) -> float | None:
        return self._wait


class SignInThrottle:
    """Attempts to sign in, from one address and to one account."""

    clock = staticmethod(time.time)

    @classmethod
    def count(cls, address: str, username: str) -> None:
        """Raises `Throttled`."""
        for scope, who in (("sign_in_address", address), ("sign_in_account", username.casefold())):
            wait = exceeded(scope, who, cls.clock())
            if wait is not None:
                raise Throttled(wait)


def exceeded(scope: str, who: str, now: float) -> float | None:
    """Count one; the seconds until the window ends when it was one too many, else None."""
    limit = settings.THROTTLES[scope]
    if not limit:
        return None
    window, passed = divmod(now, WINDOW_S)
    key = f"plaza:throttle:{scope}:{int(window)}:{who.encode().hex()}"
    return WINDOW_S - passed if store().count(key, WINDOW_S) > limit else None


def client_address(request: HttpRequest) -> str:
    """The peer's address, or what the nearest untrusted hop of X-Forwarded-For is when the peer is trusted."""
    address: str = request.META.get("REMOTE_ADDR", "")
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    while address in settings.TRUSTED_PROXIES and hops:
        address = hops.pop()
    return address[:45]
