"""What the supervisor writes down for the other commands: who runs, as which process, on which port."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from . import processes


@dataclass(frozen=True)
class Record:
    """One process as it was when this was written; `pid` is None between two lives."""

    name: str
    pid: int | None
    identity: str | None
    port: int | None = None
    restarts: int = 0

    @classmethod
    def of(cls, name: str, pid: int | None, *, port: int | None = None, restarts: int = 0) -> Self:
        return cls(name, pid, processes.identity(pid) if pid else None, port, restarts)

    def is_alive(self) -> bool:
        return self.pid is not None and self.identity is not None and processes.identity(self.pid) == self.identity


@dataclass(frozen=True)
class State:
    supervisor: Record
    port: int
    services: tuple[Record, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """None if there is none, or none that can be read: then nothing is known to run."""
        try:
            kept = json.loads(path.read_text())
            services = tuple(Record(**service) for service in kept["services"])
            return cls(Record(**kept["supervisor"]), kept["port"], services)
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def write(self, path: Path) -> None:
        """Readers see the old state or the new one, never half of either."""
        draft = path.with_suffix(".draft")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(asdict(self), indent=1))
        os.replace(draft, path)


def read_living(path: Path) -> State | None:
    """The state, if the supervisor that wrote it lives."""
    state = State.read(path)
    return state if state and state.supervisor.is_alive() else None


@contextlib.contextmanager
def ownership(path: Path) -> Iterator[bool]:
    """Whether this process, and what it forks, now owns the directory; it ends with the last of them."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
