"""Keeps out of a process what a library imports only because it is installed."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def left_out(package: str) -> Iterator[None]:
    """In this block the package counts as not installed, unless it has been imported already."""
    if package in sys.modules:
        yield
        return
    leave_out(package)
    try:
        yield
    finally:
        del sys.modules[package]


def leave_out(package: str) -> None:
    """As `left_out`, for all of this process's life."""
    sys.modules.setdefault(package, None)  # type: ignore[arg-type]  # how Python marks what can't be imported
