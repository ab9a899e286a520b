"""Each process tells the others how it sees the services."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from django.apps import apps
from django.core.signals import request_started
from django.test import Client

from gateway_project.routing import shared
from gateway_project.routing.stores import LocalStore
from gateway_project.status import publisher
from gateway_project.status.publisher import TTL_S, Publisher, publish
from gateway_project.status.recorder import process_name
from gateway_project.status.reports import ProcessState, UpstreamState, own_state


class Told(LocalStore):
    """Keeps what processes told, by their names."""

    def __init__(self) -> None:
        super().__init__()
        self.told: dict[str, bytes] = {}
        self.lifetimes_s: list[int] = []

    def publish(self, name: str, value: bytes, ttl_s: int) -> None:
        self.told[name] = value
        self.lifetimes_s.append(ttl_s)

    def published(self) -> list[bytes]:
        return list(self.told.values())


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    """In the place of the Redis that processes share."""
    place = Told()
    with monkeypatch.context() as patch:
        patch.setattr(shared, "store", lambda: place)
        patch.setattr(publisher, "store", lambda: place)
        yield place


def elsewhere(process: str, **changes: object) -> bytes:
    """How another process sees the products service."""
    values = {
        "name": "products",
        "circuit": "open",
        "retry_after_s": 2.5,
        "in_flight": 3,
        "max_in_flight": 8,
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


def test_a_process_tells_its_own_state_for_a_few_seconds(told: Told) -> None:
    publish()
    assert list(told.told) == [process_name()]
    assert msgspec.json.decode(told.told[process_name()], type=ProcessState) == own_state()
    assert told.lifetimes_s == [TTL_S]


def test_the_report_holds_all_processes_in_the_order_of_their_names(told: Told, staff: Client) -> None:
    told.told = {"zoo:1": elsewhere("zoo:1"), "ark:1": elsewhere("ark:1", circuit="closed", retry_after_s=None)}
    processes = staff.get("/api/status/").json()["processes"]
    assert [row["process"] for row in processes] == sorted(["ark:1", "zoo:1", process_name()])
    by_name = {row["process"]: row["upstreams"] for row in processes}
    assert by_name["zoo:1"][0]["circuit"] == "open"
    assert by_name["zoo:1"][0]["retry_after_s"] == 2.5
    assert [row["name"] for row in by_name[process_name()]] == ["users", "products", "orders"]


def test_the_own_state_is_of_now_and_not_of_the_last_telling(told: Told, staff: Client) -> None:
    told.told = {process_name(): elsewhere(process_name())}
    [own] = staff.get("/api/status/").json()["processes"]
    assert [row["name"] for row in own["upstreams"]] == ["users", "products", "orders"]


@pytest.mark.parametrize("garbage", [b"", b"{}", b'{"process": 1, "upstreams": []}', b"\xff"])
def test_what_another_version_told_is_passed_over(garbage: bytes, told: Told, staff: Client) -> None:
    told.told = {"old:1": garbage, "new:1": elsewhere("new:1")}
    names = [row["process"] for row in staff.get("/api/status/").json()["processes"]]
    assert names == sorted(["new:1", process_name()])


class Stop(Exception):
    """Ends the endless loop of a publisher."""


def test_a_process_tells_every_second(told: Told) -> None:
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise Stop

    with pytest.raises(Stop):
        Publisher(pause)._publish_all()
    assert pauses == [1.0, 1.0, 1.0]
    assert len(told.lifetimes_s) == 3


def test_the_first_request_begins_one_thread(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
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
        own.begin(signal=None, sender=None)
    assert begun == ["publisher"]


@pytest.mark.parametrize(("url", "is_heard"), [("", False), ("redis://127.0.0.1:1/0", True)])
def test_only_a_process_that_shares_a_redis_tells_anything(url: str, is_heard: bool, settings: Any) -> None:
    settings.REDIS_URL = url
    apps.get_app_config("gateway_status").ready()
    assert request_started.disconnect(publisher.publisher.begin) is is_heard
