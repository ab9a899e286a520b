import shutil
import stat
from pathlib import Path

import pytest

from operations import logs
from operations.log_rotation import rotate
from operations.logs import Follower, last_lines, open_to_append


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "a.log"


def test_a_log_is_private(log: Path) -> None:
    open_to_append(log).close()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_a_writer_goes_on_at_the_start_after_rotation(log: Path) -> None:
    with open_to_append(log) as writer:
        writer.write(b"old\n")
        assert rotate(log, limit_bytes=3)
        writer.write(b"new\n")
    older = log.with_name("a.log.1")
    assert (older.read_text(), log.read_text()) == ("old\n", "new\n")
    assert stat.S_IMODE(older.stat().st_mode) == 0o600


def test_a_log_within_its_limit_or_missing_is_left_alone(log: Path) -> None:
    assert not rotate(log, limit_bytes=3)
    log.write_text("old")
    assert not rotate(log, limit_bytes=3)
    assert log.read_text() == "old"


def test_a_log_is_cut_even_if_it_can_not_be_copied(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*paths: Path) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(shutil, "copyfile", fail)
    log.write_text("long")
    with pytest.raises(OSError, match="No space"):
        rotate(log, limit_bytes=3)
    assert log.read_text() == ""


def test_the_last_lines_are_read_from_the_end(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "BLOCK_BYTES", 7)
    log.write_text("".join(f"line {number}\n" for number in range(100)))
    assert last_lines(log, 2) == (["line 98", "line 99"], log.stat().st_size)
    assert len(last_lines(log, 200)[0]) == 100
    assert last_lines(log, 0)[0] == []


def test_a_follower_gives_each_line_once_and_only_when_it_is_whole(log: Path) -> None:
    follower = Follower(log)
    assert follower.new_lines() == []
    log.write_text("one\ntw")
    assert follower.new_lines() == ["one"]
    with log.open("a") as writer:
        writer.write("o\nthree\n")
    assert follower.new_lines() == ["two", "three"]
    assert follower.new_lines() == []


def test_a_follower_survives_truncation(log: Path) -> None:
    log.write_text("a long first line\n")
    follower = Follower(log)
    follower.new_lines()
    log.write_text("new\n")
    assert follower.new_lines() == ["new"]


def test_what_was_written_before_a_rotation_is_not_lost(log: Path) -> None:
    log.write_text("one\n")
    follower = Follower(log)
    assert follower.new_lines() == ["one"]
    with log.open("a") as writer:
        writer.write("two\nthr")
    rotate(log, limit_bytes=1)
    assert follower.new_lines() == ["two"]
    log.write_text("ee\nand much more than the old file had\n")
    assert follower.new_lines() == ["three", "and much more than the old file had"]


def test_a_log_that_has_grown_again_since_it_was_cut_is_read_from_its_start(log: Path) -> None:
    log.write_text("one\n")
    follower = Follower(log)
    follower.new_lines()
    rotate(log, limit_bytes=1)
    log.write_text("longer than before\n")
    assert follower.new_lines() == ["longer than before"]


def test_while_the_old_lines_are_still_being_copied_nothing_is_read_twice(log: Path) -> None:
    log.write_text("one\n")
    follower = Follower(log)
    follower.new_lines()
    shutil.copyfile(log, log.with_name("a.log.1"))
    with log.open("a") as writer:
        writer.write("two\n")
    assert follower.new_lines() == ["two"]
