import pytest
from django.core.exceptions import ImproperlyConfigured

from common.server.limits import VARIABLES, Limits


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)


def test_the_defaults_are_those_of_the_design() -> None:
    limits = Limits.from_environment(threads=32)
    assert (limits.head_s, limits.body_s, limits.write_s, limits.idle_s) == (10, 20, 20, 15)
    assert (limits.connections, limits.connections_per_address, limits.threads) == (4096, 256, 32)


def test_a_service_keeps_the_connections_of_its_callers_and_counts_none() -> None:
    limits = Limits.for_service(threads=8)
    assert (limits.idle_s, limits.connections_per_address, limits.threads) == (75, 0, 8)


def test_the_environment_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEAD_TIMEOUT_S", "2.5")
    monkeypatch.setenv("MAX_CONNECTIONS", "300")
    monkeypatch.setenv("LEAVING_NOTICE_S", "0")
    limits = Limits.from_environment(notice_s=1.0)
    assert (limits.head_s, limits.connections, limits.notice_s) == (2.5, 300, 0)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("HEAD_TIMEOUT_S", "soon", "HEAD_TIMEOUT_S is 'soon'; it takes a number."),
        ("MAX_CONNECTIONS", "1.5", "MAX_CONNECTIONS is '1.5'; it takes a number."),
        ("BODY_TIMEOUT_S", "0", "BODY_TIMEOUT_S must be above 0."),
        ("WRITE_TIMEOUT_S", "nan", "WRITE_TIMEOUT_S must be above 0."),
        ("IDLE_TIMEOUT_S", "-1", "IDLE_TIMEOUT_S must be above 0."),
        ("LEAVING_NOTICE_S", "-1", "LEAVING_NOTICE_S must not be negative."),
        ("LEAVING_NOTICE_S", "6", "LEAVING_NOTICE_S is above 5, which leaves"),
        ("MAX_CONNECTIONS", "200", "MAX_CONNECTIONS_PER_ADDRESS is above MAX_CONNECTIONS; lower it"),
        ("MAX_CONNECTIONS", "256", "MAX_CONNECTIONS is below the 300 threads"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ImproperlyConfigured) as caught:
        Limits.from_environment(threads=300)
    assert str(caught.value).startswith(said)
