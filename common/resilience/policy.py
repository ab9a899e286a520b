"""The numbers of one upstream, declared once in a project's settings and checked when they are read."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """Times in seconds, ratios from 0 to 1.

    Raises:
        ValueError: two numbers contradict each other; the message names both.
    """

    deadline_s: float = 3.0
    connect_timeout_s: float = 0.5
    read_timeout_s: float = 2.0
    max_in_flight: int = 8
    max_response_bytes: int = 4 * 1024 * 1024

    window_s: int = 10
    min_calls: int = 10
    failure_ratio: float = 0.5
    slow_call_s: float = 1.5
    consecutive_failures: int = 5
    open_s: float = 5.0

    max_retries: int = 1
    retry_ratio: float = 0.1
    min_retries: int = 3
    backoff_base_s: float = 0.05
    backoff_cap_s: float = 0.5

    def __post_init__(self) -> None:
        for name in (
            "deadline_s",
            "connect_timeout_s",
            "read_timeout_s",
            "max_in_flight",
            "max_response_bytes",
            "window_s",
            "slow_call_s",
            "open_s",
        ):
            _require(getattr(self, name) > 0, f"{name} must be above 0")
        for name in ("failure_ratio", "retry_ratio"):
            _require(0 <= getattr(self, name) <= 1, f"{name} must be between 0 and 1")
        _require(self.failure_ratio > 0, "failure_ratio 0 would open the circuit without a failure")
        _require(self.connect_timeout_s <= self.deadline_s, "connect_timeout_s is above deadline_s")
        _require(self.read_timeout_s <= self.deadline_s, "read_timeout_s is above deadline_s")
        _require(self.slow_call_s <= self.deadline_s, "slow_call_s is above deadline_s, so no call would be slow")
        _require(self.backoff_base_s <= self.backoff_cap_s, "backoff_base_s is above backoff_cap_s")
        _require(self.max_retries >= 0, "max_retries must not be negative")
        _require(
            min(self.min_calls, self.consecutive_failures) >= 1,
            "min_calls and consecutive_failures start at 1",
        )


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(f"policy: {message}")
