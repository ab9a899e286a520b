"""Somebody who goes on using the shop while others misbehave, and what that was like."""

import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import requests

from tests.support.http import Client


class Bystander:
    """A signed-in customer who reads in a loop. `answers` counts path and status, `seconds` are of every request.

    With `is_new_each_time` each request has a connection of its own.
    """

    def __init__(self, client: Client, paths: Sequence[str], *, is_new_each_time: bool = False) -> None:
        self.client = client
        self.paths = paths
        self.headers = {"Connection": "close"} if is_new_each_time else {}
        self.answers: Counter[tuple[str, int | str]] = Counter()
        self.seconds: list[float] = []

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """For the length of the block, and for at least one whole round after it."""
        stop = threading.Event()
        thread = threading.Thread(target=self._read, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(60)
            assert not thread.is_alive()

    def _read(self, stop: threading.Event) -> None:
        while not stop.is_set():
            for path in self.paths:
                self._ask(path)
        for path in self.paths:
            self._ask(path)

    def _ask(self, path: str) -> None:
        started_s = time.monotonic()
        try:
            response = self.client.get(path, headers=self.headers)
            outcome: int | str = response.status_code if response.status_code == 200 else response.json()["type"]
        except requests.RequestException as error:
            outcome = type(error).__name__
        self.seconds.append(time.monotonic() - started_s)
        self.answers[path, outcome] += 1

    @property
    def unserved(self) -> dict[tuple[str, int | str], int]:
        """Whatever was not answered as on a quiet day."""
        return {answer: count for answer, count in self.answers.items() if answer[1] != 200}

    @property
    def median_ms(self) -> float:
        return 1000 * statistics.median(self.seconds)
