"""How far a long command is, on one line of a terminal. In a pipe or a file it says nothing."""

import time
from collections.abc import Callable
from typing import IO

CLEAR_LINE = "\r\033[K"
PAUSE_S = 0.1
WIDTH = 24


class Progress:
    """`stream` is usually stderr. `total` is 0 if nobody knows it."""

    def __init__(self, stream: IO[str], noun: str, total: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._noun, self._total, self._clock = stream, noun, total, clock
        self._is_shown = stream.isatty()
        self._due_at = 0.0

    def show(self, done: int, part: float | None = None) -> None:
        """`part` is the part of the whole, if `total` doesn't tell it. Called often, it writes seldom."""
        if not self._is_shown or self._clock() < self._due_at:
            return
        self._due_at = self._clock() + PAUSE_S
        part = done / self._total if part is None and self._total else part
        bar = "" if part is None else f"{'█' * round(min(part, 1) * WIDTH):░<{WIDTH}} {min(part, 1):4.0%}  "
        self._write(f"{CLEAR_LINE}{bar}{done:,} {self._noun}")

    def clear(self) -> None:
        if self._is_shown:
            self._write(CLEAR_LINE)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
