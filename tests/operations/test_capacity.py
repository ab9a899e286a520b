"""The model behind `bench capacity`: what a number of processes can answer."""

import pytest

from experiments.capacity import LOAD, Capacity, throughput

DEMANDS = {"gateway": 0.001, "products": 0.0005, LOAD: 0.0005}
MANY = 1000


def test_one_customer_waits_for_each_process_and_many_for_the_busiest() -> None:
    assert throughput([0.001, 0.0005], 1) == pytest.approx(1 / 0.0015)
    assert throughput([0.001, 0.0005], MANY) == pytest.approx(1000)


def test_in_front_of_equal_processes_customers_spread() -> None:
    """Of n equal queues and N customers, each is busy for N of N + n - 1 (Lazowska and others, 1984, 5.4)."""
    assert throughput([0.001] * 3, 8) == pytest.approx(1000 * 8 / (8 + 3 - 1))


@pytest.mark.parametrize(
    ("cores", "processes", "per_second", "bottleneck"),
    [
        (8, {}, 1000, "gateway"),
        (8, {"gateway": 4}, 2000, "products"),
        (8, {"gateway": 6, "products": 3}, 4000, "8 cores"),
        (1, {"gateway": 9, "products": 9}, 500, "1 cores"),
    ],
)
def test_the_busiest_kind_of_process_or_the_machine_is_the_limit(
    cores: int, processes: dict[str, int], per_second: float, bottleneck: str
) -> None:
    limit = Capacity(DEMANDS, cores).limit(processes, MANY)
    assert limit.per_second == pytest.approx(per_second, rel=0.01)
    assert limit.bottleneck == bottleneck


def test_what_is_lost_with_one_of_each_is_lost_with_several() -> None:
    measured = Capacity.measured(DEMANDS, 8, MANY, per_second=800)
    assert measured.limit({}, MANY).per_second == pytest.approx(800)
    assert measured.limit({"gateway": 2, "products": 2}, 2 * MANY).per_second == pytest.approx(1600, rel=0.01)


def test_who_takes_nothing_and_the_load_itself_limit_nobody() -> None:
    limit = Capacity({"gateway": 0.001, "users": 0.0, LOAD: 0.002}, cores=64).limit({"gateway": 3}, MANY)
    assert (limit.bottleneck, limit.per_second) == ("gateway", pytest.approx(3000, rel=0.01))
