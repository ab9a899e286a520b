"""How long to wait before a process that died is started again."""

from dataclasses import dataclass

PAUSES_S = (0.0, 1.0, 2.0, 4.0, 8.0, 10.0)
STABLE_AFTER_S = 10.0


@dataclass
class Backoff:
    """At once the first time, then ever later; a process that lived long enough starts afresh."""

    failures: int = 0

    def pause_after(self, *, lived_s: float) -> float:
        if lived_s >= STABLE_AFTER_S:
            self.failures = 0
        pause_s = PAUSES_S[min(self.failures, len(PAUSES_S) - 1)]
        self.failures += 1
        return pause_s
