"""What a commit survives."""

from tests.support.durability import *  # noqa: F403 - the tests of the three services
