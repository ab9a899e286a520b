"""The numbers of one lane, declared once in a project's settings and checked when they are read."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Self

RATIOS = ("failure_ratio", "retry_ratio")
POSITIVE = (
    "deadline_s",
    "connect_timeout_s",
    "read_timeout_s",
    "max_in_flight",
    "max_response_bytes",
    "window_s",
    "slow_call_s",
    "open_s",
    "probe_interval_s",
    "probe_timeout_s",
    "min_suspects",
    "min_calls",
    "consecutive_failures",
)


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
    max_waiting: int = 300
    max_response_bytes: int = 4 * 1024 * 1024

    window_s: int = 10
    min_calls: int = 10
    failure_ratio: float = 0.5
    slow_call_s: float = 1.5
    consecutive_failures: int = 5
    min_suspects: int = 3
    open_s: float = 5.0
    probe_interval_s: float = 1.0
    probe_timeout_s: float = 1.0

    max_retries: int = 1
    retry_ratio: float = 0.1
    min_retries: int = 3
    backoff_base_s: float = 0.05
    backoff_cap_s: float = 0.5

    @classmethod
    def from_environment(cls, lane: str, variable: Callable[[str], str], **numbers: Any) -> Self:
        """The policy of one lane ("products_search"): `numbers`, and what the environment says instead.

        `PRODUCTS_SEARCH_MAX_IN_FLIGHT` is for this lane, `UPSTREAM_MAX_IN_FLIGHT` for all that don't say otherwise.
        `variable` gives the text of a variable, empty where it isn't set.
        """
        for field in fields(cls):
            for prefix in ("UPSTREAM", lane.upper()):
                name = f"{prefix}_{field.name.upper()}"
                if text := variable(name):
                    numbers[field.name] = _number(name, text, type(field.default))
        return cls(**numbers)

    def __post_init__(self) -> None:
        for name in RATIOS:
            _require(0 <= getattr(self, name) <= 1, f"{name} must be between 0 and 1")
        for name in POSITIVE:
            _require(getattr(self, name) > 0, f"{name} must be above 0")
        for field in fields(self):
            _require(getattr(self, field.name) >= 0, f"{field.name} must not be negative")
        _require(self.failure_ratio > 0, "failure_ratio 0 would open the circuit without a failure")
        _require(self.connect_timeout_s <= self.deadline_s, "connect_timeout_s is above deadline_s")
        _require(self.read_timeout_s <= self.deadline_s, "read_timeout_s is above deadline_s")
        _require(self.slow_call_s <= self.deadline_s, "slow_call_s is above deadline_s, so no call would be slow")
        _require(self.backoff_base_s <= self.backoff_cap_s, "backoff_base_s is above backoff_cap_s")


def _number(name: str, text: str, kind: type) -> Any:
    try:
        return kind(text)
    except ValueError as error:
        raise ValueError(f"policy: {name} is {text!r}; it takes a number") from error


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(f"policy: {message}")
