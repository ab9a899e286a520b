"""Puts something else in the place of a module's function, for this process."""

from importlib import import_module
from typing import Any


def replace(path: str, value: Any) -> Any:
    """`path` is "package.module.name". Returns what was there. Who has imported the name already keeps that."""
    module, _, name = path.rpartition(".")
    before = getattr(import_module(module), name)
    setattr(import_module(module), name, value)
    return before
