"""The simulated time. All code in this process reads it, so `install` is called before Django and Plaza are imported:
some of their modules keep the functions of `time` from then on.

`time.perf_counter` stays real. Nothing decides by it.
"""

from datetime import UTC, datetime, tzinfo
from uuid import UUID

from .replacing import replace
from .scheduler import SCHEDULER

BEGINNING = 1_767_225_600.0  # 2026-01-01, in Unix seconds


def monotonic() -> float:
    return SCHEDULER.now


def wall() -> float:
    """Unix seconds, as the running process's clock shows them."""
    task = SCHEDULER.current
    return BEGINNING + SCHEDULER.now + (task.process.skew_s if task else 0.0)


class Moments(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.fromtimestamp(wall(), tz or UTC)


class Ids:
    """UUIDs of version 7 that a counter makes instead of chance."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> UUID:
        self.count += 1
        return UUID(int=(int(wall() * 1000) << 80) | (7 << 76) | (2 << 62) | self.count)


IDS = Ids()


def install() -> None:
    replace("time.time", wall)
    replace("time.monotonic", monotonic)
    replace("time.sleep", SCHEDULER.sleep)


def install_in_django() -> None:
    """Models keep `timezone.now` as a default, so what that reads is replaced."""
    replace("django.utils.timezone.datetime", Moments)
    replace("jwt.api_jwt.datetime", Moments)
    replace("common.identifiers.uuid7", IDS)
