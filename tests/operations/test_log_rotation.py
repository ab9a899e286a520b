"""Logs that are rotated under their writers, and what is kept of them."""

import gzip
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from operations import log_rotation
from operations.console import OperationError
from operations.log_rotation import DAY_S, MEGABYTE, Archive, Retention, older, rotate
from operations.logs import Follower

LIMIT = 200_000
LINES = 60_000
WRITER = f"""
import os, sys
log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
for number in range({LINES}):
    os.write(log, b"%d %s\\n" % (number, b"x" * (number % 90)))
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "a.log"


def can_collapse(folder: Path) -> bool:
    probe = folder / "probe"
    probe.write_bytes(b"x" * 8192)
    with probe.open("r+b") as file:
        return log_rotation._collapse(file.fileno(), 4096)


def numbers(lines: list[str]) -> list[int]:
    return [int(line.split(" ")[0]) for line in lines if line.strip()]


def test_no_line_is_lost_doubled_or_torn_while_it_is_written(log: Path, tmp_path: Path) -> None:
    if not can_collapse(tmp_path):
        pytest.skip("the file system can't take away the beginning of a file")
    follower, followed, stored = Follower(log), list[str](), list[str]()
    with subprocess.Popen([sys.executable, "-c", WRITER, str(log)]) as writer:
        rotations = 0
        while writer.poll() is None or rotations == 0:
            followed += follower.new_lines()
            if rotate(log, limit_bytes=LIMIT):
                rotations += 1
                stored += older(log).read_text().splitlines()
    followed += follower.new_lines()
    stored += log.read_text().splitlines()
    assert rotations > 3
    assert numbers(stored) == list(range(LINES))
    assert numbers(followed) == list(range(LINES))


def test_where_the_beginning_can_not_be_taken_away_it_is_copied_and_cut(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_rotation, "_collapse", lambda descriptor, length: False)
    log.write_text("one\ntwo\n" * 2000)
    assert rotate(log, limit_bytes=10)
    assert (older(log).read_text(), log.read_text()) == ("one\ntwo\n" * 2000, "")


def test_the_older_file_of_before_is_kept(log: Path) -> None:
    for text in ("first\n", "second\n", "third\n"):
        with log.open("a") as writer:
            writer.write(text * 2000)
        assert rotate(log, limit_bytes=10)
    archived = Archive(log, Retention()).files()
    assert [each.read_text().split()[0] for each in archived] == ["first", "second"]
    assert older(log).read_text().split()[-1] == "third"
    assert {stat.S_IMODE(each.stat().st_mode) for each in archived} == {0o600}


def archived(log: Path, *ages_days: float, size: int = 10) -> list[Path]:
    made = []
    for number, age in enumerate(ages_days):
        path = log.with_name(f"{log.name}.2026010{number + 1}T000000.000.gz")
        path.write_bytes(b"x" * size)
        os.utime(path, (time.time() - age * DAY_S,) * 2)
        made.append(path)
    return made


def test_what_is_older_than_the_days_is_forgotten(log: Path) -> None:
    old, young = archived(log, 15, 13)
    Archive(log, Retention(days=14)).tidy(time.time())
    assert (old.exists(), young.exists()) == (False, True)


def test_what_is_too_much_is_forgotten_the_oldest_first(log: Path) -> None:
    first, second, third = archived(log, 3, 2, 1, size=100)
    Archive(log, Retention(kept_bytes=200)).tidy(time.time())
    assert [each.exists() for each in (first, second, third)] == [False, True, True]


def test_older_files_are_compressed_and_private(log: Path) -> None:
    plain = log.with_name("a.log.20260101T000000.000")
    plain.write_text("a line\n" * 1000)
    archive = Archive(log, Retention(days=10_000))
    archive.tidy(time.time())
    assert archive._compressing
    archive._compressing[0].wait(30)
    archive.tidy(time.time())
    (compressed,) = archive.files()
    assert gzip.decompress(compressed.read_bytes()) == b"a line\n" * 1000
    assert stat.S_IMODE(compressed.stat().st_mode) == 0o600


def test_variables_say_how_much_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Retention.from_environment() == Retention(20 * MEGABYTE, 14, 1000 * MEGABYTE)
    for name, value in (("LOG_FILE_MB", "5"), ("LOG_KEEP_DAYS", "3"), ("LOG_KEEP_MB", "70")):
        monkeypatch.setenv(name, value)
    assert Retention.from_environment() == Retention(5 * MEGABYTE, 3, 70 * MEGABYTE)
    monkeypatch.setenv("LOG_KEEP_DAYS", "for ever")
    with pytest.raises(OperationError, match="LOG_KEEP_DAYS is 'for ever'"):
        Retention.from_environment()
