import os
import subprocess
import sys
from pathlib import Path

import pytest

from operations import admin_password
from operations.admin_password import FILE_VARIABLE, VARIABLE, hidden, hide, is_in_the_environment, without
from operations.layout import System

PASSWORD = "quiet-harbour-at-dawn"


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (VARIABLE, FILE_VARIABLE):
        monkeypatch.setenv(name, "")  # so that what a test sets is taken back
        monkeypatch.delenv(name)


def test_without_the_variable_nothing_is_hidden() -> None:
    hide()
    assert hidden() == {}
    assert FILE_VARIABLE not in os.environ


def test_a_password_outlives_the_exec_but_is_in_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, PASSWORD)
    assert is_in_the_environment()
    hide()
    assert not is_in_the_environment()
    assert PASSWORD not in str(dict(os.environ))
    script = "from operations.admin_password import hidden; print(hidden())"
    descriptor = int(Path(os.environ[FILE_VARIABLE]).name)
    shown = subprocess.run([sys.executable, "-c", script], pass_fds=[descriptor], capture_output=True, check=True)
    assert shown.stdout.decode().strip() == str({VARIABLE: PASSWORD})
    os.close(descriptor)


def test_what_is_started_gets_neither(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, PASSWORD)
    hide()
    environment = System(tmp_path).environment()
    assert not {VARIABLE, FILE_VARIABLE} & environment.keys()
    os.close(int(Path(os.environ[FILE_VARIABLE]).name))


def test_a_file_that_the_caller_names_is_handed_on() -> None:
    environment = {VARIABLE: PASSWORD, FILE_VARIABLE: "/run/secrets/admin", "LANG": "C"}
    assert without(environment) == {FILE_VARIABLE: "/run/secrets/admin", "LANG": "C"}
    assert admin_password.hidden() == {}
