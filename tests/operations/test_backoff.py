from operations.backoff import Backoff


def test_the_pauses_grow_to_ten_seconds() -> None:
    backoff = Backoff()
    assert [backoff.pause_after(lived_s=0.5) for _ in range(7)] == [0, 1, 2, 4, 8, 10, 10]


def test_a_life_of_ten_seconds_starts_afresh() -> None:
    backoff = Backoff(failures=4)
    assert backoff.pause_after(lived_s=9.9) == 8
    assert backoff.pause_after(lived_s=10.0) == 0
    assert backoff.pause_after(lived_s=0.0) == 1
