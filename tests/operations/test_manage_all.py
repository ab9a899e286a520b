import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from operations.cli import COMMANDS
from operations.layout import ROOT
from tests.operations.fake_plaza import FakePlaza, environment, make_repository

PRETEND = """
import runpy, sys
sys.version_info = {version}
runpy.run_path("manage_all.py", run_name="__main__")
"""


def test_the_entry_point_is_read_by_an_old_python() -> None:
    ast.parse((ROOT / "manage_all.py").read_text(), feature_version=(3, 4))


def test_an_old_python_gets_one_sentence_that_names_the_remedy() -> None:
    command = [sys.executable, "-c", PRETEND.format(version=(3, 10, 4))]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert answer.stderr.startswith("Plaza needs Python 3.11 or newer")
    assert answer.stderr.count("\n") == 1


def test_help_needs_no_packages(tmp_path: Path) -> None:
    root = make_repository(tmp_path / "plaza")
    for arguments in (["--help"], ["up", "--help"], ["test", "--help"]):
        command = [sys.executable, str(root / "manage_all.py"), *arguments]
        answer = subprocess.run(command, env=environment(root), capture_output=True, text=True, check=False)
        assert (answer.returncode, answer.stderr) == (0, "")
    assert not (root / ".venv").exists()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "manage_all.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_without_arguments_it_shows_what_there_is_and_that_is_wrong_usage() -> None:
    answer, asked = run(), run("--help")
    assert (answer.returncode, answer.stderr) == (2, "")
    assert (asked.returncode, asked.stdout) == (0, answer.stdout)
    for command in COMMANDS:
        assert f"\n    {command.name}" in answer.stdout


def test_help_of_a_command_is_its_help() -> None:
    assert run("help").stdout == run("--help").stdout
    assert run("help", "up").stdout == run("up", "--help").stdout
    assert run("help", "up").stdout.startswith("usage: manage_all.py up ")


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_every_command_s_help_says_its_exit_codes(command: str) -> None:
    answer = run(command, "--help")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "exit codes: 0" in answer.stdout


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("stats",), "there is no command `stats`; did you mean `status`?\n"),
        (("help", "lgos"), "there is no command `lgos`; did you mean `logs`?\n"),
        (("frobnicate",), "there is no command `frobnicate`; `manage_all.py help` lists all\n"),
        (("up", "--detatch"), "unrecognized arguments: --detatch; did you mean `--detach`?\n"),
        (("-x",), "unrecognized arguments: -x\n"),
    ],
)
def test_what_was_mistyped_is_said_with_what_may_be_meant(arguments: tuple[str, ...], meant: str) -> None:
    answer = run(*arguments)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.endswith(meant)


def test_there_is_one_version(tmp_path: Path) -> None:
    version = (ROOT / "common/VERSION").read_text().strip()
    assert run("--version").stdout == f"Plaza {version}\n"
    others = [path for path in ROOT.glob("*_project/settings.py") if '"VERSION": "' in path.read_text()]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert (others, project["project"]["dynamic"]) == ([], ["version"])
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"file": "common/VERSION"}


def test_an_unknown_option_is_refused(plaza: FakePlaza) -> None:
    answer = plaza.run("down", "--hard")
    assert answer.returncode == 2
    assert answer.stderr.endswith("unrecognized arguments: --hard\n")
