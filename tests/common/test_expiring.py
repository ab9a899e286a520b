from common.expiring import ExpiringMap
from tests.support.threads import in_threads


def test_a_value_is_there_until_the_moment_it_expires() -> None:
    known: ExpiringMap[str, int] = ExpiringMap(10)
    known.put("a", 1, expires_at=5.0)
    assert (known.get("a", 4.9), known.get("a", 5.0), known.get("b", 0.0)) == (1, None, None)


def test_a_newer_value_replaces_an_older_one() -> None:
    known: ExpiringMap[str, int] = ExpiringMap(10)
    known.put("a", 1, expires_at=5.0)
    known.put("a", 2, expires_at=9.0)
    assert known.get("a", 6.0) == 2


def test_above_the_limit_the_oldest_is_dropped() -> None:
    known: ExpiringMap[str, int] = ExpiringMap(2)
    for key in ("a", "b", "a", "c"):
        known.put(key, 1, expires_at=5.0)
    assert [known.get(key, 0.0) for key in "abc"] == [1, None, 1]


def test_threads_that_put_at_once_keep_the_limit() -> None:
    known: ExpiringMap[object, int] = ExpiringMap(3)
    keys = [object() for _ in range(400)]

    def put_all() -> None:
        for key in keys:
            known.put(key, 1, expires_at=5.0)

    in_threads(8, put_all)
    assert sum(known.get(key, 0.0) is not None for key in keys) == 3
