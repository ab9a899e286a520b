from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from common.resilience import Policy


def test_the_defaults_are_what_the_design_says() -> None:
    policy = Policy()
    assert (policy.deadline_s, policy.connect_timeout_s, policy.read_timeout_s) == (3.0, 0.5, 2.0)
    assert (policy.max_in_flight, policy.max_retries, policy.retry_ratio) == (8, 1, 0.1)
    assert (policy.window_s, policy.min_calls, policy.failure_ratio) == (10, 10, 0.5)
    assert (policy.slow_call_s, policy.consecutive_failures, policy.open_s) == (1.5, 5, 5.0)
    assert (policy.max_waiting, policy.min_suspects) == (300, 3)
    assert (policy.probe_interval_s, policy.probe_timeout_s) == (1.0, 1.0)


def test_it_does_not_change_once_it_is_checked() -> None:
    with pytest.raises(FrozenInstanceError):
        Policy().deadline_s = 9.0  # type: ignore[misc]


@pytest.mark.parametrize(
    "name",
    [
        "deadline_s",
        "connect_timeout_s",
        "read_timeout_s",
        "max_in_flight",
        "max_response_bytes",
        "window_s",
        "slow_call_s",
        "open_s",
        "probe_interval_s",
        "probe_timeout_s",
        "min_suspects",
        "min_calls",
        "consecutive_failures",
    ],
)
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_what_must_be_above_0_is_refused_otherwise(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"^policy: {name} must be above 0$"):
        Policy(**{name: value})


@pytest.mark.parametrize("name", ["failure_ratio", "retry_ratio"])
@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_a_ratio_outside_0_to_1_is_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"^policy: {name} must be between 0 and 1$"):
        Policy(**{name: value})


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"failure_ratio": 0.0}, "failure_ratio 0 would open the circuit without a failure"),
        ({"connect_timeout_s": 3.1}, "connect_timeout_s is above deadline_s"),
        ({"read_timeout_s": 3.1}, "read_timeout_s is above deadline_s"),
        ({"slow_call_s": 3.1}, "slow_call_s is above deadline_s, so no call would be slow"),
        ({"backoff_base_s": 0.6}, "backoff_base_s is above backoff_cap_s"),
        ({"max_retries": -1}, "max_retries must not be negative"),
        ({"max_waiting": -1}, "max_waiting must not be negative"),
    ],
)
def test_numbers_that_contradict_each_other_are_refused(numbers: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^policy: {message}$"):
        Policy(**numbers)


@pytest.mark.parametrize(
    "numbers",
    [
        {"connect_timeout_s": 3.0, "read_timeout_s": 3.0, "slow_call_s": 3.0},
        {"failure_ratio": 1.0, "retry_ratio": 1.0},
        {"retry_ratio": 0.0, "max_retries": 0, "min_retries": 0},
        {"backoff_base_s": 0.5},
        {"min_calls": 1, "consecutive_failures": 1, "max_in_flight": 1},
    ],
)
def test_the_bounds_themselves_are_allowed(numbers: dict[str, Any]) -> None:
    policy = Policy(**numbers)
    assert {name: getattr(policy, name) for name in numbers} == numbers


def test_each_number_can_be_set_for_all_lanes_and_for_one() -> None:
    environment = {
        "UPSTREAM_OPEN_S": "7.5",
        "UPSTREAM_MAX_IN_FLIGHT": "16",
        "PRODUCTS_SEARCH_MAX_IN_FLIGHT": "2",
        "USERS_SEARCH_MAX_IN_FLIGHT": "9",
    }
    policy = Policy.from_environment("products_search", lambda name: environment.get(name, ""), max_in_flight=4)
    assert policy == Policy(open_s=7.5, max_in_flight=2)


def test_without_a_variable_the_numbers_of_the_settings_hold() -> None:
    assert Policy.from_environment("orders", lambda name: "", max_in_flight=4) == Policy(max_in_flight=4)


def test_a_variable_that_is_no_number_is_named() -> None:
    with pytest.raises(ValueError, match=r"^policy: UPSTREAM_DEADLINE_S is 'soon'; it takes a number$"):
        Policy.from_environment("orders", lambda name: "soon" if name == "UPSTREAM_DEADLINE_S" else "")


def test_variables_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^policy: read_timeout_s is above deadline_s$"):
        Policy.from_environment("orders", lambda name: "1" if name == "UPSTREAM_DEADLINE_S" else "")
