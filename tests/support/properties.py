"""How hypothesis looks for counterexamples, in every suite: by the same examples each time, and never by the clock.

A slow machine must not fail a test, so nothing here has a deadline. `PLAZA_TEST_EXPLORE=1` looks at other examples each
time; a failure then prints the line that repeats it.
"""

import os

from hypothesis import HealthCheck, Phase, settings
from hypothesis.configuration import set_hypothesis_home_dir

from common.settings import state_dir

PROFILE = settings(
    deadline=None,
    database=None,
    derandomize=os.environ.get("PLAZA_TEST_EXPLORE") != "1",
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)


def load_profile() -> None:
    """Called once by each suite's `conftest.py`."""
    load(PROFILE)


def load_profile_of_requests() -> None:
    """For tests in which an example is a request to a running gateway."""
    load(settings(PROFILE, max_examples=60, phases=(Phase.generate,), suppress_health_check=list(HealthCheck)))


def load(profile: settings) -> None:
    settings.register_profile("plaza", profile)
    settings.load_profile("plaza")
    set_hypothesis_home_dir(state_dir() / "hypothesis")  # else it writes into the checkout
