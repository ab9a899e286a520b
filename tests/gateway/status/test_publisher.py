"""Each process tells the others how it sees the services."""

from collections.abc import Iterator

import msgspec
import pytest
from django.test import Client

from gateway_project.status import publisher
from gateway_project.status.publisher import TTL_S, Publisher, publish
from gateway_project.status.recorder import process_name
from gateway_project.status.reports import ProcessState, UpstreamState, own_state
from gateway_project.store import fallback
from gateway_project.store.backends import LocalStore
from tests.gateway.table import PLACES


class SharedPlace(LocalStore):
    """Keeps what processes publish, by their names."""

    def __init__(self) -> None:
        super().__init__()
        self.published_by: dict[str, bytes] = {}
        self.lifetimes_s: list[int] = []

    def publish(self, name: str, value: bytes, ttl_s: int) -> None:
        self.published_by[name] = value
        self.lifetimes_s.append(ttl_s)

    def published(self) -> list[bytes]:
        return list(self.published_by.values())


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[SharedPlace]:
    """In the place of the Redis that processes share."""
    shared = SharedPlace()
    with monkeypatch.context() as patch:
        patch.setattr(fallback, "store", lambda: shared)
        patch.setattr(publisher, "store", lambda: shared)
        yield shared


def elsewhere(process: str, **changes: object) -> bytes:
    """How another process sees the products service."""
    values = {
        "name": "products",
        "circuit": "open",
        "retry_after_s": 2.5,
        "in_flight": 3,
        "max_in_flight": 8,
        "waiting": 4,
        "calls": 9,
        "failures": 5,
        "failure_rate": 0.5556,
        "p50_ms": 12.0,
        "p99_ms": 80.0,
        "rejected": 1,
        "retries": 2,
        "points": [],
    }
    return msgspec.json.encode(ProcessState(process, [msgspec.convert(values | changes, UpstreamState)]))


def test_a_process_tells_its_own_state_for_a_few_seconds(place: SharedPlace) -> None:
    publish()
    assert list(place.published_by) == [process_name()]
    assert msgspec.json.decode(place.published_by[process_name()], type=ProcessState) == own_state()
    assert place.lifetimes_s == [TTL_S]


def test_the_report_holds_all_processes_in_the_order_of_their_names(place: SharedPlace, staff: Client) -> None:
    place.published_by = {
        "zoo:1": elsewhere("zoo:1"),
        "ark:1": elsewhere("ark:1", circuit="closed", retry_after_s=None),
    }
    processes = staff.get("/api/status/").json()["processes"]
    assert [row["process"] for row in processes] == sorted(["ark:1", "zoo:1", process_name()])
    by_name = {row["process"]: row["upstreams"] for row in processes}
    assert by_name["zoo:1"][0]["circuit"] == "open"
    assert by_name["zoo:1"][0]["retry_after_s"] == 2.5
    assert [row["name"] for row in by_name[process_name()]] == list(PLACES)


def test_the_own_state_is_of_now_and_not_of_the_last_telling(place: SharedPlace, staff: Client) -> None:
    place.published_by = {process_name(): elsewhere(process_name())}
    [own] = staff.get("/api/status/").json()["processes"]
    assert [row["name"] for row in own["upstreams"]] == list(PLACES)


@pytest.mark.parametrize("garbage", [b"", b"{}", b'{"process": 1, "upstreams": []}', b"\xff"])
def test_what_another_version_published_is_passed_over(garbage: bytes, place: SharedPlace, staff: Client) -> None:
    place.published_by = {"old:1": garbage, "new:1": elsewhere("new:1")}
    names = [row["process"] for row in staff.get("/api/status/").json()["processes"]]
    assert names == sorted(["new:1", process_name()])


class Stop(Exception):
    """Ends the endless loop of a publisher."""


def test_a_process_tells_every_second(place: SharedPlace) -> None:
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise Stop

    with pytest.raises(Stop):
        Publisher(pause)._publish_all()
    assert pauses == [1.0, 1.0, 1.0]
    assert len(place.lifetimes_s) == 3


def test_the_first_request_begins_one_thread(place: SharedPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []

    class Recorded:
        def __init__(self, *, target: object, name: str, daemon: bool) -> None:
            assert daemon
            self.name = name

        def start(self) -> None:
            begun.append(self.name)

    monkeypatch.setattr(publisher.threading, "Thread", Recorded)
    own = Publisher()
    for _ in range(3):
        own.start(signal=None, sender=None)
    assert begun == ["publisher"]
