"""Clients that crawl, are silent or don't read, by the hundred, while a bystander wants its answers."""

import resource
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.support.bystander import Bystander
from tests.support.plaza import WITHOUT_THROTTLES, Plaza, eventually
from tests.support.slow_clients import HALF_HEAD, MANNERS, SILENT, Crowd, churn

PATHS = ("/health/live", "/api/users/me/")
ROOM, ROOM_OF_AN_ADDRESS = 1_500, 50
SHORT = dict.fromkeys(("HEAD_TIMEOUT_S", "BODY_TIMEOUT_S", "WRITE_TIMEOUT_S", "IDLE_TIMEOUT_S"), "2")


@pytest.fixture(scope="module", autouse=True)
def _as_many_files_as_there_may_be() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plaza]:
    """Its deadlines are short, so that those who crawl are closed and come back during a test."""
    limits = {**SHORT, "MAX_CONNECTIONS": str(ROOM), "MAX_CONNECTIONS_PER_ADDRESS": str(ROOM_OF_AN_ADDRESS)}
    plaza = Plaza(tmp_path_factory.mktemp("hasty") / "data", **WITHOUT_THROTTLES, **limits)
    try:
        plaza.up("--no-demo")
        yield plaza
    finally:
        plaza.down()


@pytest.fixture(scope="module")
def quiet_ms(hasty: Plaza) -> float:
    """What a bystander's request takes while nobody else is there."""
    bystander = Bystander(hasty.customer(), PATHS, is_new_each_time=True)
    with bystander.going_on():
        time.sleep(2)
    return bystander.median_ms


@pytest.fixture
def bystanders(hasty: Plaza, quiet_ms: float, record_property: Callable[[str, object], None]) -> Iterator[None]:
    """One keeps its connection and one makes a new one for each request; both are served all the while.

    How long they wait is written into the report, and not asserted: this machine is shared.
    """
    both = [Bystander(hasty.customer(), PATHS, is_new_each_time=each) for each in (False, True)]
    with both[0].going_on(), both[1].going_on():
        yield
    assert [bystander.unserved for bystander in both] == [{}, {}]
    assert all(sum(bystander.answers.values()) > 2 * len(PATHS) for bystander in both)
    record_property("times_quiet", [round(bystander.median_ms / quiet_ms, 1) for bystander in both])


@pytest.mark.usefixtures("bystanders")
@pytest.mark.parametrize("kind", MANNERS)
def test_a_crowd_takes_nothing_from_a_bystander(hasty: Plaza, kind: str) -> None:
    manner, number = MANNERS[kind]

    with Crowd(hasty.port, manner, number) as crowd:
        eventually(lambda: crowd.closed >= number)
        eventually(lambda: crowd.closed >= 2 * number)  # those who came back are closed as well
    if "head" in kind or "bod" in kind:
        assert crowd.statuses[408] >= number
        assert set(crowd.statuses) == {408}


@pytest.mark.usefixtures("bystanders")
def test_nor_do_thousands_who_come_and_go(hasty: Plaza) -> None:
    churn(hasty.port, 5_335)


def test_more_than_there_is_room_for_make_room_for_each_other(hasty: Plaza) -> None:
    before = metric(hasty, 'plaza_connections_closed_total{cause="no-room"}')

    with Crowd(hasty.port, HALF_HEAD, ROOM), Crowd(hasty.port, SILENT, ROOM):
        answers = [hasty.client().get("/health/live", headers={"Connection": "close"}) for _ in range(50)]
    assert {answer.status_code for answer in answers} == {200}
    assert metric(hasty, 'plaza_connections_closed_total{cause="no-room"}') > before + ROOM / 2


@pytest.mark.usefixtures("bystanders")
def test_one_address_has_only_so_many(hasty: Plaza) -> None:
    """127.0.0.2 is no proxy that is trusted, so it is counted as a stranger's address is."""
    with Crowd(hasty.port, HALF_HEAD, 6 * ROOM_OF_AN_ADDRESS, source="127.0.0.2") as crowd:
        eventually(lambda: crowd.closed >= 5 * ROOM_OF_AN_ADDRESS)
        assert metric(hasty, "plaza_connections") < 2 * ROOM_OF_AN_ADDRESS  # with those of this machine, of 127.0.0.1


def metric(plaza: Plaza, name: str) -> float:
    lines = plaza.client().get("/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} "))


def test_who_is_too_slow_is_told_so_as_a_problem(hasty: Plaza) -> None:
    client = hasty.client()

    def body() -> Iterator[bytes]:
        yield b"{"
        threading.Event().wait(4)

    answer = client.request("POST", "/api/auth/token/", data=body(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 408
    assert answer.json()["type"] == "/problems/request-timeout"
    assert answer.json()["request_id"] in hasty.log_text()
