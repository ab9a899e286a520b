"""One supervised process: it is started, watched, and started again after a pause when it has ended."""

import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import processes
from .layout import ROOT
from .logs import open_to_append
from .status import Record

PAUSES_S = (0.0, 1.0, 2.0, 4.0, 8.0, 10.0)
STABLE_AFTER_S = 10.0


@dataclass
class Backoff:
    """The pause before a process is started again: none after the first failure, then longer each time.

    A process that ran for `STABLE_AFTER_S` counts as healthy, and its next failure as the first.
    """

    failures: int = 0

    def pause_after(self, *, lived_s: float) -> float:
        if lived_s >= STABLE_AFTER_S:
            self.failures = 0
        pause_s = PAUSES_S[min(self.failures, len(PAUSES_S) - 1)]
        self.failures += 1
        return pause_s


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
    started_s: float = 0.0
    backoff: Backoff = field(default_factory=Backoff)

    def start(self, now_s: float) -> None:
        """Raises OSError if the machine can't start another process; it is then due again after a pause."""
        self.started_s = now_s
        try:
            with open_to_append(self.log) as log:
                self.process = processes.spawn(self.command, directory=ROOT, environment=self.environment, stdout=log)
        except OSError:
            self._schedule_restart(now_s)
            raise

    def is_due(self, now_s: float) -> bool:
        return self.process is None and now_s >= self.due_s

    def reap(self, now_s: float) -> str | None:
        """How it ended, if it just did. The rest of its group is killed too: a stray worker would hold the port."""
        if self.process is None or self.process.poll() is None:
            return None
        self.kill()
        end = describe(self.process.returncode)
        self.process = None
        self.restarts += 1
        self._schedule_restart(now_s)
        return end

    def _schedule_restart(self, now_s: float) -> None:
        self.due_s = now_s + self.backoff.pause_after(lived_s=now_s - self.started_s)

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
    """A `Popen.returncode` in words. Below zero it is the signal that ended the process."""
    return signal.Signals(-return_code).name if return_code < 0 else f"exit code {return_code}"
