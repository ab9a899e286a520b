import os
import stat
from pathlib import Path

from operations.state import Record, State, ownership, read_living


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    state = State(Record.of("supervisor", os.getpid()), 8000, (Record.of("users", None, port=8001, restarts=2),))
    state.write(tmp_path / "state.json")
    assert State.read(tmp_path / "state.json") == state
    assert stat.S_IMODE((tmp_path / "state.json").stat().st_mode) == 0o600


def test_a_missing_or_damaged_state_is_none(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    assert State.read(path) is None
    for text in ("", "{", "[]", '{"supervisor": {}, "port": 1, "services": []}'):
        path.write_text(text)
        assert State.read(path) is None


def test_the_state_of_a_dead_supervisor_is_not_a_living_one(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    State(Record("supervisor", os.getpid(), "another boot/1"), 8000).write(path)
    assert read_living(path) is None
    State(Record.of("supervisor", os.getpid()), 8000).write(path)
    assert read_living(path) is not None


def test_a_directory_has_one_owner_at_a_time(tmp_path: Path) -> None:
    with ownership(tmp_path / "lock") as first, ownership(tmp_path / "lock") as second:
        assert (first, second) == (True, False)
    with ownership(tmp_path / "lock") as third:
        assert third
