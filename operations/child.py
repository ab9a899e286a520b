"""One supervised process: its lives, its log, and when the next life is due."""

import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import logfiles, processes
from .backoff import Backoff
from .layout import ROOT
from .state import Record


@dataclass
class Child:
    """Times are seconds of the supervisor's monotonic clock."""

    name: str
    port: int | None
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    restarts: int = 0
    process: subprocess.Popen[bytes] | None = None
    due_s: float = 0.0
    born_s: float = 0.0
    backoff: Backoff = field(default_factory=Backoff)

    def start(self, now_s: float) -> None:
        """Raises OSError if the machine has no room for another process; it is due again after a pause."""
        self.born_s = now_s
        try:
            with logfiles.open_to_append(self.log) as log:
                self.process = processes.spawn(self.command, directory=ROOT, environment=self.environment, stdout=log)
        except OSError:
            self._await_next_life(now_s)
            raise

    def is_due(self, now_s: float) -> bool:
        return self.process is None and now_s >= self.due_s

    def reap(self, now_s: float) -> str | None:
        """How it died, if it just did. What it started goes too, since a stray worker would hold the port."""
        if self.process is None or self.process.poll() is None:
            return None
        self.kill()
        end = describe(self.process.returncode)
        self.process = None
        self.restarts += 1
        self._await_next_life(now_s)
        return end

    def _await_next_life(self, now_s: float) -> None:
        self.due_s = now_s + self.backoff.pause_after(lived_s=now_s - self.born_s)

    def is_gone(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def terminate(self) -> None:
        if self.process is not None and not self.is_gone():
            self.process.terminate()

    def kill(self) -> None:
        if self.process is not None:
            processes.send_group(self.process.pid, signal.SIGKILL)

    def record(self) -> Record:
        pid = self.process.pid if self.process else None
        return Record.of(self.name, pid, port=self.port, restarts=self.restarts)


def describe(return_code: int) -> str:
    """In words, a `Popen.returncode`: below zero it is the signal that killed the process."""
    return signal.Signals(-return_code).name if return_code < 0 else f"exit code {return_code}"
