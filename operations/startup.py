"""Watches a system come up: says who answers, and gives up with the reason when one doesn't."""

import textwrap
import time
from collections.abc import Callable

from . import logfiles
from .errors import OperationError
from .health import is_healthy
from .layout import System
from .state import Record, State
from .terminal import rewrite, say

MOST_RESTARTS = 2
SHOWN_LINES = 20
SHOWN_WIDTH = 400


class Startup:
    def __init__(self, system: System, *, timeout_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.system = system
        self.timeout_s = timeout_s
        self.clock = clock
        self.give_up_s = clock() + timeout_s
        self.healthy: set[str] = set()

    def is_complete(self) -> bool:
        """Asked again and again; raises OperationError when it makes no sense to ask once more."""
        state = State.read(self.system.state_file)
        records = state.services if state else ()
        self.healthy |= {record.name for record in self._missing(records) if is_healthy(record, timeout_s=1.0)}
        missing = self._missing(records)
        self._show(records, missing)
        if records and not missing:
            return True
        for record in missing:
            if record.restarts > MOST_RESTARTS:
                self._fail(record, f"ended {record.restarts} times in a row")
        if self.clock() > self.give_up_s:
            self._fail(missing[0] if missing else None, f"did not answer within {self.timeout_s:.0f} s")
        return False

    def _missing(self, records: tuple[Record, ...]) -> list[Record]:
        return [record for record in records if record.name not in self.healthy]

    def _show(self, records: tuple[Record, ...], missing: list[Record]) -> None:
        names = ", ".join(record.name for record in missing)
        rewrite(
            f"Starting: {len(records) - len(missing)} of {len(records)} ready, waiting for {names} ..."
            if missing
            else ""
        )

    def _fail(self, record: Record | None, reason: str) -> None:
        name = record.name if record else "supervisor"
        log = self.system.log(name)
        rewrite("")
        if log.exists():
            for line in logfiles.last_lines(log, SHOWN_LINES)[0]:
                say(f"  {textwrap.shorten(line, SHOWN_WIDTH, placeholder=' ...')}")
        raise OperationError(f"{name} {reason}; its last words are above, all of them in {log}.")
