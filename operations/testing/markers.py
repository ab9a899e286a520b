"""A pytest plugin that makes the lanes' markers known to every suite, since `-m` may name only known ones."""

from typing import Protocol

from .lanes import LANES


class Config(Protocol):
    def addinivalue_line(self, name: str, line: str) -> None: ...


def pytest_configure(config: Config) -> None:
    for lane in LANES:
        config.addinivalue_line("markers", f"{lane.marker}: runs in the lane of this name only")
