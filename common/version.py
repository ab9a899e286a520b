"""Plaza's version, which is in `common/VERSION` alone."""

from pathlib import Path

VERSION = (Path(__file__).parent / "VERSION").read_text().strip()
