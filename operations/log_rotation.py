"""Moves the lines of a long log into an older file, while its writers go on, and keeps older files for days.

The writers hold the file open, so it can't be replaced. Linux can take its beginning away (`fallocate`), and what is
appended meanwhile stays: no line is lost. It takes whole blocks, so a line of spaces may be left. Where the file system
can't do that, the file is cut at once after it was copied.
"""

import contextlib
import ctypes
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Self

from .console import OperationError

COLLAPSE_RANGE = 0x08  # FALLOC_FL_COLLAPSE_RANGE of linux/falloc.h
MEGABYTE = 1024 * 1024
DAY_S = 86_400
GZIP = "import gzip, shutil, sys; shutil.copyfileobj(sys.stdin.buffer, gzip.open(sys.stdout.buffer, 'wb'))"


@dataclass(frozen=True)
class Retention:
    """How long a log gets, how many days older ones are kept, and how much of them for each process."""

    limit_bytes: int = 20 * MEGABYTE
    days: int = 14
    kept_bytes: int = 1000 * MEGABYTE

    @classmethod
    def from_environment(cls) -> Self:
        """Raises OperationError for what is no number."""
        return cls(
            _number("LOG_FILE_MB", 20) * MEGABYTE,
            _number("LOG_KEEP_DAYS", 14),
            _number("LOG_KEEP_MB", 1000) * MEGABYTE,
        )


def _number(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or int(text) < 1:
        raise OperationError(f"{name} is {text!r}; it takes a whole number from 1.")
    return int(text)


def older(path: Path) -> Path:
    """The lines before those of the log."""
    return path.with_name(f"{path.name}.1")


def rotate(path: Path, *, limit_bytes: int) -> bool:
    """On a full disk the old lines are lost, since the log must not grow for ever."""
    if not path.exists() or path.stat().st_size <= limit_bytes:
        return False
    if older(path).exists():
        os.replace(older(path), _archive(path))
    with path.open("r+b") as log:
        try:
            length = _copy_lines(path, older(path))
        except OSError:
            log.truncate(0)
            raise
        if not _take_away(log.fileno(), length):
            _cut(log, length, older(path))
    return True


def _archive(path: Path) -> Path:
    now_ns = time.time_ns()
    moment = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now_ns // 10**9))
    return path.with_name(f"{path.name}.{moment}.{now_ns % 10**9:09}")


def _copy_lines(path: Path, target: Path) -> int:
    """All whole lines. Returns how many bytes they have."""
    target.touch(mode=0o600)
    shutil.copyfile(path, target)
    with target.open("r+b") as copy:
        copy.seek(max(0, target.stat().st_size - MEGABYTE))
        start, tail = copy.tell(), copy.read()
        length = start + tail.rfind(b"\n") + 1 or start + len(tail)
        copy.truncate(length)
    return length


def _take_away(descriptor: int, length: int) -> bool:
    """The first `length` bytes. What is left of them, less than a block, becomes a line of spaces."""
    block = os.fstatvfs(descriptor).f_bsize
    whole = length - length % block
    if not _collapse(descriptor, whole):
        return False
    if left := length - whole:
        os.pwrite(descriptor, b" " * (left - 1) + b"\n", 0)
    return True


def _cut(log: BinaryIO, length: int, target: Path) -> None:
    """All of it, after what has come since was copied too."""
    log.seek(length)
    with target.open("ab") as copy:
        shutil.copyfileobj(log, copy)
    log.truncate(0)


def _collapse(descriptor: int, length: int) -> bool:
    if not length or not sys.platform.startswith("linux"):
        return False
    try:
        call = ctypes.CDLL(None).fallocate
    except AttributeError:
        return False
    code: int = call(descriptor, COLLAPSE_RANGE, ctypes.c_int64(0), ctypes.c_int64(length))
    return code == 0


@dataclass
class Archive:
    """The older files of one log. One of them is compressed at a time, by a process of its own."""

    path: Path
    retention: Retention
    _compressing: "tuple[subprocess.Popen[bytes], Path] | None" = field(default=None, repr=False)

    def tidy(self, now_s: float) -> None:
        """`now_s` is the time of files."""
        self._finish()
        with contextlib.suppress(FileNotFoundError):
            self._forget(now_s)
            if self._compressing is None:
                self._compress_next()

    def files(self) -> list[Path]:
        """The oldest first."""
        found = [each for each in self.path.parent.glob(f"{self.path.name}.2*") if not each.name.endswith(".part")]
        return sorted(found, key=lambda each: each.name)

    def _forget(self, now_s: float) -> None:
        files = self.files()
        total = sum(each.stat().st_size for each in files)
        for each in files:
            stat = each.stat()
            if now_s - stat.st_mtime > self.retention.days * DAY_S or total > self.retention.kept_bytes:
                total -= stat.st_size
                each.unlink()

    def _compress_next(self) -> None:
        plain = next((each for each in self.files() if not each.name.endswith(".gz")), None)
        if plain is None:
            return
        part = plain.with_name(f"{plain.name}.part")
        with plain.open("rb") as source, open(os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as to:
            process = subprocess.Popen([sys.executable, "-S", "-E", "-c", GZIP], stdin=source, stdout=to)
        self._compressing = (process, plain)

    def _finish(self) -> None:
        if self._compressing is None or self._compressing[0].poll() is None:
            return
        process, plain = self._compressing
        self._compressing = None
        part = plain.with_name(f"{plain.name}.part")
        if process.returncode == 0 and plain.exists():
            stat = plain.stat()
            os.utime(part, (stat.st_atime, stat.st_mtime))
            os.replace(part, plain.with_name(f"{plain.name}.gz"))
            plain.unlink()
        else:
            part.unlink(missing_ok=True)
