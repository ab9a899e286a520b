"""Log files, which are private, appended to and cut when they are too long. `log_view` shows them."""

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from .log_rotation import older

BLOCK_BYTES = 64 * 1024
HEAD_BYTES = 2 * 4096  # more than the spaces that a rotation may leave at the beginning


@dataclass
class Follower:
    """Reads on where it stopped. If the file has been rotated meanwhile, it first reads the rest of the old one."""

    path: Path
    offset: int = 0
    unfinished: bytes = field(default=b"", repr=False)
    copied_at: int = 0  # when the rotated file was written

    def begin_at(self, offset: int) -> None:
        self.offset, self.copied_at = offset, _written_at(older(self.path))

    def new_lines(self) -> list[str]:
        if not self.path.exists():
            return []
        fresh = b""
        if self._is_cut():
            if _written_at(older(self.path)) != self.copied_at:
                fresh = _rest(older(self.path), self.offset)
            self.begin_at(self._offset_since())
        rest = _rest(self.path, self.offset)
        self.offset += len(rest)
        *lines, self.unfinished = (self.unfinished + fresh + rest).split(b"\n")
        return [line.decode(errors="replace") for line in lines if not line.isspace()]

    def _offset_since(self) -> int:
        """What has been read of the file beyond what was moved into the older one; a whole number of blocks was."""
        moved = older(self.path).stat().st_size if older(self.path).exists() else 0
        block = os.statvfs(self.path).f_bsize
        return min(self.offset - (moved - moved % block), self.path.stat().st_size) if self.offset > moved > 0 else 0

    def _is_cut(self) -> bool:
        """Also if it has grown again since. A rotated file that begins as this one does is still being written."""
        if self.path.stat().st_size < self.offset:
            return True
        if _written_at(older(self.path)) == self.copied_at:
            return False
        old, new = _head(older(self.path)), _head(self.path)
        return old[: len(new)] != new[: len(old)]


def _written_at(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def _rest(path: Path, offset: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read()


def open_to_append(path: Path) -> BinaryIO:
    """O_APPEND, so that a process which holds the file open goes on at its start after it has been cut."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    return os.fdopen(descriptor, "ab", buffering=0)


def write_event(path: Path, event: str) -> None:
    with open_to_append(path) as log:
        log.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {event}\n".encode())


def last_lines(path: Path, count: int) -> tuple[list[str], int]:
    """The last `count` lines, and the offset at which they end."""
    with path.open("rb") as log:
        end = start = log.seek(0, os.SEEK_END)
        kept = b""
        while start > 0 and kept.count(b"\n") <= count:
            size = min(BLOCK_BYTES, start)
            start = log.seek(start - size)
            kept = log.read(size) + kept
    lines = [line for line in kept.decode(errors="replace").splitlines() if not line.isspace()]
    return (lines[-count:] if count else []), end
