"""A job, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path


@dataclass(frozen=True)
class Job:
    """One process. `weight` is roughly its seconds; jobs that share something in `alone_with` take turns."""

    name: str
    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    weight: int = 10
    alone_with: frozenset[str] = frozenset()
    is_suite: bool = False
    missing: str | None = None  # what this machine lacks for it

    def with_environment(self, **more: str) -> "Job":
        return replace(self, environment={**self.environment, **more})

    @property
    def output(self) -> Path:
        return self.folder / "output.txt"

    @property
    def report(self) -> Path:
        return self.folder / "junit.xml"


class Verdict(Enum):
    PASSED = "passed"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"


@dataclass(frozen=True)
class Counts:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    @classmethod
    def of(cls, verdict: Verdict) -> "Counts":
        """A check without tests of its own counts as one."""
        return cls(
            passed=int(verdict is Verdict.PASSED),
            failed=int(verdict is Verdict.FAILED),
            skipped=int(verdict is Verdict.SKIPPED),
        )


@dataclass(frozen=True)
class Result:
    job: Job
    verdict: Verdict
    counts: Counts
    seconds: float = 0.0
    reason: str = ""
