"""What is in a backup: a JSON file beside the databases and secrets, written last.

{"format": 1, "version": "1.0", "taken_at": "2026-11-26T08:00:00Z",
 "databases": {"orders": {"file": "orders.db", "engine": "sqlite", "migrations": ["orders.0001_initial", …]}, …},
 "files": {"orders.db": {"bytes": 4096, "sha256": "…"}, "secrets/jwt-signing": {…}, …}}
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from .console import OperationError

NAME = "manifest.json"
FORMAT = 1
BLOCK_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Copy:
    """One database in a backup. `migrations` are those that it had, as `app.name`."""

    file: str
    engine: str
    migrations: list[str]


@dataclass(frozen=True)
class Manifest:
    version: str
    taken_at: str
    databases: dict[str, Copy]
    files: dict[str, dict[str, Any]]
    format: int = FORMAT

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Raises `OperationError` if it is missing, damaged, or of a later format."""
        try:
            kept = json.loads((folder / NAME).read_text())
            if kept["format"] > FORMAT:
                raise OperationError(f"{folder} was made by Plaza {kept['version']}, which is newer; use that one.")
            copies = {name: Copy(**copy) for name, copy in kept.pop("databases").items()}
            return cls(databases=copies, **kept)
        except OSError as error:
            raise OperationError(f"{folder} is no backup, or not a complete one: {NAME} is missing.") from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise OperationError(f"{folder / NAME} is damaged: {error!r}.") from error

    def write(self, folder: Path) -> None:
        (folder / NAME).write_text(json.dumps(asdict(self), indent=1) + "\n")

    def verify(self, folder: Path, tell: Callable[[str], None]) -> None:
        """Raises `OperationError` for a file that is missing or not as it was written."""
        for name, kept in self.files.items():
            tell(name)
            if not (folder / name).is_file():
                raise OperationError(f"{folder / name} is missing. Restore another backup.")
            if describe(folder / name) != kept:
                raise OperationError(f"{folder / name} is not as it was written: its checksum differs.")


def describe(path: Path) -> dict[str, Any]:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return {"bytes": path.stat().st_size, "sha256": digest.hexdigest()}
