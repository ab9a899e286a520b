"""The model behind `bench capacity`: what a number of processes can answer."""

import pytest

from experiments.capacity import LOAD, Capacity

DEMANDS = {"gateway": 0.001, "products": 0.0005, LOAD: 0.0005}


@pytest.mark.parametrize(
    ("cores", "processes", "per_second", "bottleneck"),
    [
        (8, {}, 1000, "gateway"),
        (8, {"gateway": 2}, 2000, "gateway"),
        (8, {"gateway": 4}, 2000, "products"),
        (8, {"gateway": 6, "products": 3}, 4000, "8 cores"),
        (2, {}, 1000, "gateway"),  # as much as the machine, of which the busiest kind is named
        (2, {"gateway": 2}, 1000, "2 cores"),
        (1, {"gateway": 9, "products": 9}, 500, "1 cores"),
    ],
)
def test_the_busiest_kind_of_process_or_the_machine_is_the_limit(
    cores: int, processes: dict[str, int], per_second: float, bottleneck: str
) -> None:
    limit = Capacity(DEMANDS, cores).limit(processes)
    assert limit.per_second == pytest.approx(per_second)
    assert limit.bottleneck == bottleneck


def test_what_is_lost_with_one_of_each_is_lost_with_several() -> None:
    measured = Capacity.measured(DEMANDS, 8, per_second=800)
    assert measured.limit({}).per_second == pytest.approx(800)
    assert measured.limit({"gateway": 2}).per_second == pytest.approx(1600)


def test_who_takes_nothing_and_the_load_itself_limit_nobody() -> None:
    limit = Capacity({"gateway": 0.001, "users": 0.0, LOAD: 0.002}, cores=64).limit({"gateway": 3})
    assert (limit.bottleneck, limit.per_second) == ("gateway", pytest.approx(3000))
