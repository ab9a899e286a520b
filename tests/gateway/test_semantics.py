"""What HTTP asks of every path."""

from tests.support.semantics import *  # noqa: F403 - the tests of all four projects
