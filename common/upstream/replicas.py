"""The addresses of a service whose name has several, for example the replicas of a container, and whose turn it is.

Each call goes to the next address. One that fails is passed over for a while, so that a dead or frozen replica costs
few calls; if all fail, each is tried as if none did. The name is looked up again now and then, in a thread, since a
call must not wait for it. If that fails, the addresses that are known stay.
"""

import ipaddress
import itertools
import random
import socket
import threading
import time
from collections.abc import Callable

from common.resilience.deadline import Clock

LOOK_UP_EVERY_S = 5.0
PASSED_OVER_S = 5.0
FAILURES_IN_A_ROW = 2  # of exchanges; without a connection one is enough

Address = tuple[str, int]


def look_up(host: str, port: int) -> list[Address]:
    """All addresses of `host`. Raises `OSError`, or `ValueError` for what is no name."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return sorted({(str(sockaddr[0]), int(sockaddr[1])) for *_, sockaddr in found})


def in_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="look-up", daemon=True).start()


class Replicas:
    """Safe to share between threads."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        resolve: Callable[[str, int], list[Address]] = look_up,
        spawn: Callable[[Callable[[], None]], None] = in_thread,
        clock: Clock = time.monotonic,
    ) -> None:
        self._host = host
        self._port = port
        self._resolve = resolve
        self._spawn = spawn
        self._clock = clock
        self._addresses: list[Address] = [(host, port)] if _is_number(host) else []
        self._is_fixed = bool(self._addresses)
        self._look_up_at = 0.0
        self._turns = itertools.count(random.randrange(1000))  # processes begin at different replicas
        self._failures: dict[Address, int] = {}
        self._passed_over_until: dict[Address, float] = {}

    def in_turn(self) -> list[Address]:
        """All addresses, the one whose turn it is first, those that failed lately last.

        Raises:
            OSError, ValueError: the name is unknown, and always was.
        """
        if not self._is_fixed:
            self._refresh()
        addresses = self._addresses
        if len(addresses) == 1:
            return addresses
        first = next(self._turns) % len(addresses)
        turned = addresses[first:] + addresses[:first]
        return sorted(turned, key=self._is_passed_over) if self._passed_over_until else turned

    def note_no_connection(self, address: Address) -> None:
        self._passed_over_until[address] = self._clock() + PASSED_OVER_S

    def note_failure(self, address: Address) -> None:
        """An exchange with it failed. Once may be the request's doing."""
        self._failures[address] = self._failures.get(address, 0) + 1
        if self._failures[address] >= FAILURES_IN_A_ROW:
            self.note_no_connection(address)

    def note_success(self, address: Address) -> None:
        if self._failures:
            self._failures.pop(address, None)
        if self._passed_over_until:
            self._passed_over_until.pop(address, None)

    def _is_passed_over(self, address: Address) -> bool:
        return self._clock() < self._passed_over_until.get(address, 0.0)

    def _refresh(self) -> None:
        if not self._addresses:
            self._look_up()
        elif self._clock() >= self._look_up_at:
            self._look_up_at = self._clock() + LOOK_UP_EVERY_S  # so that others don't begin it too
            self._spawn(self._look_up_again)

    def _look_up(self) -> None:
        self._addresses = self._resolve(self._host, self._port)
        self._look_up_at = self._clock() + LOOK_UP_EVERY_S

    def _look_up_again(self) -> None:
        try:
            self._look_up()
        except OSError:
            return
        for kept in (self._failures, self._passed_over_until):
            for gone in set(kept) - set(self._addresses):
                kept.pop(gone, None)


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
