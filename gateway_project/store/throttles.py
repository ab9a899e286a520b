"""Limits on requests, and the pace of whoever guesses passwords. Each count is one atomic increment."""

import hashlib
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

import msgspec
from django.conf import settings
from prometheus_client import Counter
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from .addresses import client_network
from .fallback import store

REQUEST_WINDOW_S = 60
GUESS_WINDOW_S = 3600
LONGEST_PAUSE_S = 300

THROTTLED = Counter("plaza_throttled_total", "Requests and guesses above a limit, by its name in THROTTLES.", ["scope"])


class RequestThrottle(BaseThrottle):
    """Counts signed-in users by user, and everybody else by address."""

    def allow_request(self, request: Request, view: Any) -> bool:
        self._wait = seconds_to_wait(*self.caller(request))
        return self._wait is None

    def caller(self, request: Request) -> tuple[str, str]:
        """The limit, and for whom it is counted."""
        user: Any = request.user
        return ("user", str(user.pk)) if user.is_authenticated else ("address", client_network(request._request))

    def wait(self) -> float | None:
        return self._wait


def seconds_to_wait(scope: str, who: str, window_s: int = REQUEST_WINDOW_S) -> float | None:
    """Count one request. Above the limit: the seconds until `who` may send the next one. Else None."""
    limit = settings.THROTTLES[scope]
    if not limit:
        return None
    number, left_s = store().count(_key(scope, who), window_s)
    if number <= limit:
        return None
    THROTTLED.labels(scope).inc()
    return left_s


class Guess:
    """One attempt at a password, by a `guesser`. It is slowed only by attempts that were wrong.

        with Guess(…) as guess:  # raises Throttled
            guess.was_right = …

    The first `THROTTLES["guesses"]` wrong attempts cost nothing. After each further one the guesser must pause, for
    twice as long each time. An attempt counts as wrong until it proves right, so a hundred attempts at the same moment
    get no further than a hundred in a row. One that gets no verdict, because a service failed, does not count.
    """

    def __init__(self, *guesser: str) -> None:
        self.was_right: bool | None = None  # None: no verdict
        self._failures, self._pause = _key("failures", *guesser), _key("pause", *guesser)
        self._counted: list[str] = []
        self._began_pause = False

    def limits(self) -> Iterable[tuple[str, ...]]:
        """Limits on the wrong attempts of several guessers in an hour: each a name in THROTTLES, and who shares it."""
        return ()

    def __enter__(self) -> Self:
        try:
            self._keep_pace()
            for scope, *who in self.limits():
                self._keep_limit(scope, *who)
        except BaseException:
            self._withdraw()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.was_right is not False:
            self._withdraw()
        if self.was_right:
            store().forget([self._failures, self._pause])

    def _keep_pace(self) -> None:
        free = settings.THROTTLES["guesses"]
        if not free:
            return
        wrong, _ = self._count(self._failures)
        if wrong < free:
            return
        # This attempt begins the next pause. Of several at once, the others find it begun.
        pause_s = min(2 ** min(wrong - free, 10), LONGEST_PAUSE_S)
        number, left_s = store().count(self._pause, pause_s)
        if number > 1:
            THROTTLED.labels("guesses").inc()
            raise Throttled(left_s)
        self._began_pause = True

    def _keep_limit(self, scope: str, *who: str) -> None:
        limit = settings.THROTTLES[scope]
        if not limit:
            return
        number, left_s = self._count(_key(scope, *who))
        if number > limit:
            THROTTLED.labels(scope).inc()
            raise Throttled(left_s)

    def _count(self, key: str) -> tuple[int, float]:
        count = store().count(key, GUESS_WINDOW_S)
        self._counted.append(key)
        return count

    def _withdraw(self) -> None:
        for key in self._counted:
            store().count(key, GUESS_WINDOW_S, by=-1)
        if self._began_pause:
            store().forget([self._pause])


def _key(scope: str, *who: str) -> str:
    """Equally short for every name, so that long ones take no more memory."""
    digest = hashlib.blake2b(msgspec.json.encode(who), digest_size=16).hexdigest()
    return f"plaza:throttle:{scope}:{digest}"
