import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError

from common import command_line
from common.management import CommandLine

ARGUMENTS = ["users_project/manage.py", "help", "a b"]


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(command_line, "ROOT", tmp_path)
    monkeypatch.setattr(command_line, "PYTHON", tmp_path / ".venv/bin/python")
    return tmp_path


def advice_without_django(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(sys.modules, "django.db", None)
    with pytest.raises(SystemExit) as ended:
        command_line.execute(ARGUMENTS)
    message = str(ended.value)
    assert message.startswith("users_project/manage.py: ")
    return message.partition("None in sys.modules. ")[2]


def test_with_django_it_is_djangos_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    command_line.execute(["manage.py", "version"])
    assert capsys.readouterr().out.startswith("5.2")


def test_a_wrong_variable_is_one_sentence_and_no_traceback() -> None:
    manage = Path(__file__).resolve().parents[2] / "gateway_project" / "manage.py"
    environment = os.environ | {"PUBLIC_URL": "shop.example", "DJANGO_SETTINGS_MODULE": "gateway_project.settings"}
    for command in ("check", "migrate", "serve"):
        ended = subprocess.run([sys.executable, manage, command], env=environment, capture_output=True, text=True)
        assert ended.returncode == 1
        assert ended.stderr.count("\n") == 1
        assert "manage.py: PUBLIC_URL is 'shop.example': it does not begin with http" in ended.stderr


def test_before_the_installation_it_names_the_command_that_installs(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkout / "manage_all.py").touch()
    assert advice_without_django(monkeypatch) == (
        f"Install the packages with: python3 {checkout}/manage_all.py migrate\n"
        f"Then run: {checkout}/.venv/bin/python users_project/manage.py help 'a b'"
    )


def test_another_python_is_referred_to_the_one_with_the_packages(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkout / "manage_all.py").touch()
    (checkout / ".venv/bin").mkdir(parents=True)
    (checkout / ".venv/bin/python").touch()
    assert advice_without_django(monkeypatch) == (
        f"This Python lacks Plaza's packages; run: {checkout}/.venv/bin/python users_project/manage.py help 'a b'"
    )


def test_of_a_damaged_environment_it_says_to_remove_it(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (checkout / "manage_all.py").touch()
    monkeypatch.setattr(sys, "prefix", str(checkout / ".venv"))
    assert advice_without_django(monkeypatch).startswith(
        "The packages in .venv are damaged; remove it, then run: python3"
    )


def test_without_a_checkout_it_names_the_lock_file(monkeypatch: pytest.MonkeyPatch) -> None:
    assert advice_without_django(monkeypatch).startswith("Install what requirements.lock lists")


def ended_by(error: BaseException, monkeypatch: pytest.MonkeyPatch, *more: str) -> object:
    """What the process ends with when the command fails so."""

    def fail(self: CommandLine) -> None:
        raise error

    monkeypatch.setattr(CommandLine, "execute", fail)
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # so that it is there again afterwards
    with pytest.raises(SystemExit) as ended:
        command_line.execute(["manage.py", "demo", *more])
    return ended.value.code


@pytest.mark.parametrize(
    ("said", "mend"),
    [
        ("no such table: products", "Make the tables first: "),
        ('relation "products" does not exist', "Make the tables first: "),
        ("connection refused", "Is it running, and is its …_DATABASE_URL right?"),
    ],
)
def test_what_the_database_says_comes_with_its_mend(said: str, mend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    message = ended_by(OperationalError(said), monkeypatch)
    assert str(message).startswith(f"manage.py: the database says: {said}. {mend}")


def test_a_traceback_is_shown_to_who_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OperationalError):
        ended_by(OperationalError("connection refused"), monkeypatch, "--traceback")


def test_a_question_that_nobody_can_answer_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "nobody can answer" in str(ended_by(EOFError(), monkeypatch))


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 130), (BrokenPipeError(), 141)])
def test_it_ends_as_a_shell_expects(error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ended_by(error, monkeypatch) == code


def test_a_command_that_cannot_work_here_says_what_does() -> None:
    with pytest.raises(SystemExit) as ended:
        CommandLine(["manage.py", "generateschema"]).fetch_command("generateschema")
    assert "`spectacular`" in str(ended.value.code)


def test_with_broken_settings_the_help_is_djangos() -> None:
    line = CommandLine(["manage.py", "help"])
    line.settings_exception = ImproperlyConfigured("PUBLIC_URL is wrong")
    assert "[django]" in line.main_help_text()
