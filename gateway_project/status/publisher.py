"""Tells the other gateway processes how this one sees the services, so that each status page shows them all."""

import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec

from gateway_project.store.fallback import store

from .reports import own_state

EVERY_S = 1.0
TTL_S = 5  # a process that has published nothing for so long is gone


class Publisher:
    """One daemon thread in each process. The first request starts it, because a fork would lose an earlier one."""

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self, **signal: Any) -> None:
        """A receiver of Django's `request_started`."""
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._publish_all, name="publisher", daemon=True)
                    self._thread.start()

    def _publish_all(self) -> None:
        while True:
            publish()
            self._sleep(EVERY_S)


def publish() -> None:
    state = own_state()
    store().publish(state.process, msgspec.json.encode(state), TTL_S)


publisher = Publisher()
