"""How long a client may take and how many there may be, from the environment; checked when settings are read."""

from dataclasses import dataclass, fields
from typing import Self

from django.core.exceptions import ImproperlyConfigured

from common.settings import env

GRACE_S = 10.0  # from SIGTERM to the end of the process
MAX_NOTICE_S = 5.0  # the rest of GRACE_S is for requests in flight

VARIABLES = {
    "head_s": "HEAD_TIMEOUT_S",
    "body_s": "BODY_TIMEOUT_S",
    "write_s": "WRITE_TIMEOUT_S",
    "idle_s": "IDLE_TIMEOUT_S",
    "queue_s": "QUEUE_TIMEOUT_S",
    "notice_s": "LEAVING_NOTICE_S",
    "connections": "MAX_CONNECTIONS",
    "connections_per_address": "MAX_CONNECTIONS_PER_ADDRESS",
}
MAY_BE_ZERO = {"notice_s", "connections_per_address"}


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in seconds, for each worker process.

    head_s, body_s            for all bytes of a request's head, and of its body
    write_s                   for each 64 KiB of an answer
    idle_s                    between two requests of a connection, and before the first
    queue_s                   how long a whole request may wait for a thread; then it is refused, not begun
    notice_s                  how long a process that was told to end still listens, while it says that it isn't ready
    connections               at the same time; one more closes the one that has been silent for longest
    connections_per_address   of them from one address, 0 for any number; loopback and trusted proxies aren't counted
    threads                   requests that are answered at the same time; `serve --threads` says otherwise

    Raises:
        ImproperlyConfigured: a number makes no sense, or two contradict each other.
    """

    head_s: float = 10.0
    body_s: float = 20.0
    write_s: float = 20.0
    idle_s: float = 15.0
    queue_s: float = 3.0
    notice_s: float = 0.0
    connections: int = 4096
    connections_per_address: int = 256
    threads: int = 16

    @classmethod
    def from_environment(cls, **defaults: float) -> Self:
        """`defaults`, and what the environment says instead; the class's own where neither says anything."""
        chosen = dict(defaults)
        for field in fields(cls):
            if text := env(VARIABLES.get(field.name, "")):
                chosen[field.name] = _number(VARIABLES[field.name], text, type(field.default))
        return cls(**chosen)  # type: ignore[arg-type]

    @classmethod
    def for_service(cls, threads: int) -> Self:
        """For who is only reached by programs of ours. They keep their connections, and all may have one address."""
        return cls.from_environment(threads=threads, idle_s=75.0, connections_per_address=0)

    def __post_init__(self) -> None:
        for name, variable in VARIABLES.items():
            if name in MAY_BE_ZERO:
                _require(getattr(self, name) >= 0, f"{variable} must not be negative")
            else:
                _require(getattr(self, name) > 0, f"{variable} must be above 0")
        _require(
            self.notice_s <= MAX_NOTICE_S,
            f"LEAVING_NOTICE_S is above {MAX_NOTICE_S:.0f}, which leaves requests in flight too little "
            f"of the {GRACE_S:.0f} s that a process has to end; lower it",
        )
        _require(
            self.connections_per_address <= self.connections,
            "MAX_CONNECTIONS_PER_ADDRESS is above MAX_CONNECTIONS; lower it, or raise the other",
        )
        _require(
            self.threads <= self.connections,
            f"MAX_CONNECTIONS is below the {self.threads} threads, which would never all have work; raise it",
        )


def _number(variable: str, text: str, kind: type) -> float:
    try:
        number: float = kind(text)
    except ValueError:
        raise ImproperlyConfigured(f"{variable} is {text!r}; it takes a number.") from None
    return number


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ImproperlyConfigured(f"{message}.")
