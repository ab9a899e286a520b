"""Log files: private, appended to, cut when they are too long, and read from their end."""

import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

BLOCK_BYTES = 64 * 1024


def open_to_append(path: Path) -> BinaryIO:
    """O_APPEND, so that whoever holds it goes on at the start once the file has been cut."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    return os.fdopen(descriptor, "ab", buffering=0)


def write_event(path: Path, event: str) -> None:
    with open_to_append(path) as log:
        log.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {event}\n".encode())


def rotate(path: Path, *, limit_bytes: int) -> bool:
    """Copy, then cut, since the writers keep their descriptor; what a full disk can't hold is lost."""
    if not path.exists() or path.stat().st_size <= limit_bytes:
        return False
    older = path.with_name(f"{path.name}.1")
    try:
        older.touch(mode=0o600)
        shutil.copyfile(path, older)
    finally:
        os.truncate(path, 0)
    return True


def last_lines(path: Path, count: int) -> tuple[list[str], int]:
    """The last `count` lines, and the offset behind them."""
    with path.open("rb") as log:
        end = start = log.seek(0, os.SEEK_END)
        kept = b""
        while start > 0 and kept.count(b"\n") <= count:
            size = min(BLOCK_BYTES, start)
            start = log.seek(start - size)
            kept = log.read(size) + kept
    lines = kept.decode(errors="replace").splitlines()
    return (lines[-count:] if count else []), end


@dataclass
class Follower:
    """Reads on where it stopped, and from the start when the file has been cut or made anew."""

    path: Path
    offset: int = 0
    unfinished: bytes = field(default=b"", repr=False)

    def new_lines(self) -> list[str]:
        if not self.path.exists():
            return []
        with self.path.open("rb") as log:
            if log.seek(0, os.SEEK_END) < self.offset:
                self.offset, self.unfinished = 0, b""
            log.seek(self.offset)
            fresh = log.read()
        self.offset += len(fresh)
        *lines, self.unfinished = (self.unfinished + fresh).split(b"\n")
        return [line.decode(errors="replace") for line in lines]
