"""Which Plaza this is."""

import os

from .layout import ROOT

UNKNOWN = "0"


def version() -> str:
    """Of all of Plaza. Where `common/` is missing, PLAZA_VERSION tells it."""
    try:
        return (ROOT / "common" / "VERSION").read_text().strip()
    except OSError:
        return os.environ.get("PLAZA_VERSION") or UNKNOWN


def is_newer(version: str, than: str) -> bool:
    return _parts(version) > _parts(than)


def _parts(version: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in version.split(".")]
