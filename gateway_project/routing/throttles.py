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
FREE_FAILURES = 5
LONGEST_WAIT_S = 300
FAILURES_KEPT_S = 3600


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
    """Attempts to sign in, from one address and to one account; after some failures an account makes wait longer
    with each, so that a patient guesser gets no further than a hasty one."""

    clock = staticmethod(time.time)

    @classmethod
    def count(cls, address: str, username: str) -> None:
        """Raises `Throttled`."""
        for scope, who in (("sign_in_address", address), ("sign_in_account", username.casefold())):
            wait = exceeded(scope, who, cls.clock())
            if wait is not None:
                raise Throttled(wait)
        (until,) = store().get_many([_failure_key("until", username)])
        if until and float(until) > cls.clock():
            raise Throttled(float(until) - cls.clock())

    @classmethod
    def failed(cls, username: str) -> None:
        """A wrong password: from the `FREE_FAILURES`th on, twice as long a wait as the time before."""
        if not settings.THROTTLES["sign_in_account"]:
            return
        beyond = store().count(_failure_key("count", username), FAILURES_KEPT_S) - FREE_FAILURES
        if beyond >= 0:
            wait_s = min(2**beyond, LONGEST_WAIT_S)
            store().put(_failure_key("until", username), b"%f" % (cls.clock() + wait_s), wait_s)

    @classmethod
    def succeeded(cls, username: str) -> None:
        store().put(_failure_key("count", username), b"0", 1)


def _failure_key(name: str, username: str) -> str:
    return f"plaza:sign-in:{name}:{username.casefold().encode().hex()}"


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
