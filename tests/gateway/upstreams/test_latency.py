"""The last minute of attempts, second by second."""

import math
import random

import pytest

from gateway_project.upstreams.latency import Latency, LatencyLog, Point
from tests.support.clock import Clock
from tests.support.threads import in_threads


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(clock: Clock) -> LatencyLog:
    return LatencyLog(clock)


def record(log: LatencyLog, *milliseconds: float, failed: bool = False) -> None:
    for value in milliseconds:
        log.record(value / 1000, failed=failed)


def test_without_attempts_there_is_nothing_to_tell(log: LatencyLog) -> None:
    assert log.read() == Latency(calls=0, failures=0, p50_ms=None, p99_ms=None, points=[])


def test_one_attempt_is_all_the_quantiles(log: LatencyLog) -> None:
    record(log, 12.3)
    told = log.read()
    assert told.p50_ms == told.p99_ms == told.points[0].p50_ms == pytest.approx(12.3, rel=0.021)
    assert told == Latency(1, 0, told.p50_ms, told.p99_ms, [Point(0, 1, 0, told.points[0].p50_ms, 12.3)])


def test_attempts_are_told_by_the_second_oldest_first(log: LatencyLog, clock: Clock) -> None:
    record(log, 10, 10, 30)
    clock.advance(2.5)
    record(log, 20, failed=True)
    told = log.read()
    assert (told.calls, told.failures) == (4, 1)
    assert [(point.ago_s, point.count, point.failed, point.max_ms) for point in told.points] == [
        (2, 3, 0, 30.0),
        (0, 1, 1, 20.0),
    ]
    assert told.points[0].p50_ms == pytest.approx(10, rel=0.021)


def test_a_minute_later_an_attempt_is_forgotten(log: LatencyLog, clock: Clock) -> None:
    record(log, 10)
    clock.advance_to(1059.9)
    assert [point.ago_s for point in log.read().points] == [59]
    clock.advance_to(1060.0)
    assert log.read().calls == 0
    record(log, 20)
    assert [(point.ago_s, point.max_ms) for point in log.read().points] == [(0, 20.0)]


def test_never_more_than_a_minute_is_kept(log: LatencyLog, clock: Clock) -> None:
    for _ in range(200):
        record(log, 5)
        clock.advance(1)
    told = log.read()
    assert (told.calls, len(told.points)) == (59, 59)  # the second at hand has none yet
    assert len(log._seconds) == 60


@pytest.mark.parametrize("seed", range(5))
def test_quantiles_are_within_two_percent(seed: int, log: LatencyLog) -> None:
    drawn = random.Random(seed)
    values = sorted(max(0.2, drawn.lognormvariate(3, 1.5)) for _ in range(997))
    record(log, *values)
    told = log.read()
    for share, found in ((0.5, told.p50_ms), (0.99, told.p99_ms)):
        assert found == pytest.approx(values[math.ceil(share * len(values)) - 1], rel=0.021, abs=0.06)
    assert told.points[0].max_ms == round(values[-1], 1)


def test_no_quantile_is_above_the_slowest_attempt(log: LatencyLog) -> None:
    record(log, *[100.4] * 50)
    told = log.read()
    assert (told.p50_ms, told.p99_ms) == (100.4, 100.4)


@pytest.mark.parametrize("seconds", [0.0, -0.001, 1e-9])
def test_the_fastest_attempts_are_counted_as_almost_nothing(seconds: float, log: LatencyLog) -> None:
    log.record(seconds, failed=False)
    told = log.read()
    assert (told.calls, told.p50_ms) == (1, 0.0)


def test_what_is_recorded_after_a_reading_belongs_to_the_next(log: LatencyLog, clock: Clock) -> None:
    record(log, 10)
    before = log.read()
    record(log, 40, 40)
    assert before.points == [Point(0, 1, 0, 10.0, 10.0)]
    after = log.read()
    assert (after.calls, after.points[0].max_ms) == (3, 40.0)
    assert after.points[0].p50_ms == pytest.approx(40, rel=0.021)
    clock.advance(1)
    assert log.read().points == log.read().points


def test_the_log_is_safe_between_threads(log: LatencyLog) -> None:
    def work() -> None:
        for number in range(300):
            log.record(number / 1000, failed=number % 3 == 0)
            log.read()

    in_threads(4, work)
    told = log.read()
    assert (told.calls, told.failures) == (1200, 400)
