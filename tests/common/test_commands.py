"""What `manage.py help` of the four projects lists, and the commands that all of them have."""

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.core.management.commands import runserver

from common import command_line
from common.identifiers import new_id
from common.identity import Caller, read_token
from common.management import CommandLine, missing_commands
from common.management.commands import test as test_command

ROOT = Path(__file__).resolve().parents[2]
PROJECTS = ("gateway", "users", "products", "orders")
STAYING = {"serve", "relay", "runserver", "testserver"}  # until they are told to stop
ELSEWHERE = {"test", "shell", "dbshell"}  # tests; and what needs a terminal
WALK = """
import contextlib, io, os, sys, traceback
sys.path[0] = {root!r}
from common.command_line import execute
def run(*arguments):
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            sys.argv = ["manage.py", *arguments]
            execute(sys.argv)
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
            said.write(str(end.code))
        except BaseException:
            traceback.print_exc()
            code = "raised"
    return code, said.getvalue()
run("migrate", "--verbosity", "0")
for name in run("help", "--commands")[1].split():
    print(name, *run(name, "--help"), sep="\\x1f", end="\\x1e")
    if name not in {left_out!r}:
        print(name, *run(name), sep="\\x1f", end="\\x1e")
"""


def environment(project: str, data_dir: Path, **more: str) -> dict[str, str]:
    settings = f"{project}_project.settings"
    return {**os.environ, "PLAZA_DATA_DIR": str(data_dir), "DJANGO_SETTINGS_MODULE": settings, **more}


def manage(project: str, data_dir: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / f"{project}_project/manage.py"), *arguments],
        env=environment(project, data_dir, **more),
        cwd=data_dir,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("project", PROJECTS)
def test_every_command_has_help_and_none_ends_in_a_traceback(project: str, tmp_path: Path) -> None:
    walk = WALK.format(root=str(ROOT), left_out=STAYING | ELSEWHERE)
    answer = subprocess.run(
        [sys.executable, "-c", walk],
        env=environment(project, tmp_path),
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    runs = [run.split("\x1f") for run in answer.stdout.split("\x1e")[:-1]]
    assert len({name for name, _, _ in runs}) > 20, answer.stderr
    for name, code, said in runs:
        assert code != "raised", f"{name}: {said}"
        assert "Traceback" not in said, f"{name}: {said}"
    helped = {name for name, code, said in runs if code == "0" and said.startswith("usage: manage.py ")}
    assert helped == {name for name, _, _ in runs}


@pytest.mark.parametrize("project", ["gateway", "products", "orders"])
def test_accounts_are_made_in_users_only_and_elsewhere_one_sentence_says_so(project: str, tmp_path: Path) -> None:
    answer = manage(project, tmp_path, "createsuperuser")
    assert answer.returncode == 1
    assert answer.stderr == (
        "manage.py createsuperuser: Accounts are in the users project; there, run users_project/manage.py "
        "createsuperuser.\n"
    )


def test_help_shows_the_project_s_own_commands_first_with_a_line_about_each(capsys: pytest.CaptureFixture[str]) -> None:
    CommandLine(["products_project/manage.py", "help"]).execute()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Plaza's project `products`.")
    own = lines[lines.index("Plaza:") + 1 : lines.index("Django:") - 1]
    assert {line.split()[0] for line in own} >= {
        *("demo", "export_products", "export_user", "import_products", "runserver", "serve", "test", "token")
    }
    assert all(len(line.split()) > 3 for line in lines if line.startswith("  "))


def test_a_command_that_works_is_not_missing(settings: Any) -> None:
    assert {"collectstatic", "sendtestemail", "createsuperuser", "generateschema"} <= missing_commands().keys()
    settings.STATIC_ROOT, settings.EMAIL_BACKEND = "static", "django.core.mail.backends.console.EmailBackend"
    settings.AUTH_USER_MODEL = "users.User"
    assert missing_commands().keys() == {"generateschema"}
    settings.CALLER_KEYS = {}
    assert "POST /api/auth/token/" in missing_commands()["token"]


def test_runserver_listens_on_the_project_s_own_port(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ports: list[str] = []
    monkeypatch.setattr(runserver.Command, "run", lambda self, **options: ports.append(self.port))
    monkeypatch.setattr(runserver.Command, "default_port", "8000")
    CommandLine(["manage.py", "runserver", "--noreload"]).execute()
    settings.SERVER_PORT = 4321
    CommandLine(["manage.py", "runserver", "--noreload"]).execute()
    CommandLine(["manage.py", "runserver", "--noreload", "5000"]).execute()
    assert ports == ["8002", "4321", "5000"]


# manage.py test


def test_the_suite_is_run_and_its_exit_code_is_pytests(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_one(): assert False\ndef test_two(): pass\n")
    assert manage("products", tmp_path, "test", "test_it.py").returncode == 1
    assert manage("products", tmp_path, "test", "test_it.py::test_two", "-x").returncode == 0


def test_without_pytest_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_command.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        SystemExit, match=r"manage\.py test: pytest is not installed; .*manage_all\.py test products` in"
    ):
        CommandLine(["manage.py", "test"]).execute()


def test_without_tests_it_says_where_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(test_command, "ROOT", tmp_path)
    with pytest.raises(CommandError, match="this copy has no tests"):
        test_command.run([])


def test_the_whole_suite_is_the_project_s_own_with_data_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def run(command: list[str], *, env: dict[str, str], check: bool) -> Any:
        seen.extend([command, Path(env["PLAZA_DATA_DIR"])])
        assert seen[1].is_dir()
        return subprocess.CompletedProcess(command, 3)

    monkeypatch.setattr(test_command.subprocess, "run", run)
    with pytest.raises(SystemExit) as ended:
        CommandLine(["manage.py", "test", "-x"]).execute()
    assert ended.value.code == 3
    assert seen[0][-2:] == [str(ROOT / "tests/products"), "-x"]
    assert not seen[1].exists()


# manage.py token


def token(*arguments: str) -> str:
    out = io.StringIO()
    call_command("token", *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue().strip()


def caller_of(printed: str, settings: Any) -> Caller:
    return read_token(printed, "products", settings.CALLER_KEYS)


def test_a_token_wants_debug_or_a_word_of_the_operator(settings: Any) -> None:
    settings.DEBUG = False
    with pytest.raises(CommandError, match=r"DEBUG is off here.* --operator\."):
        token()
    assert caller_of(token("--operator", "--bare"), settings) == Caller("gateway", None, is_staff=True)
    settings.DEBUG = True
    assert caller_of(token("--bare"), settings) == Caller("gateway", None, is_staff=True)


def test_a_token_is_a_user_s_as_a_customer_or_as_staff(settings: Any) -> None:
    user = new_id()
    assert caller_of(token("--operator", "--bare", "--user", str(user)), settings) == Caller("gateway", user)
    staff = token("--operator", "--bare", "--user", str(user), "--staff", "--caller", "orders")
    assert caller_of(staff, settings) == Caller("orders", user, is_staff=True)


def test_the_curl_line_names_the_token_and_where_the_service_is(settings: Any) -> None:
    line = token("--operator")
    printed = line.split("Bearer ")[1].split("'")[0]
    assert caller_of(printed, settings).is_staff
    assert line == f"curl -H 'Authorization: Bearer {printed}' 'http://127.0.0.1:8002/products/'"
    elsewhere = token("--operator", "--url", "http://10.0.0.7:81/", "--path", "categories/?page_size=1")
    assert elsewhere.endswith(" 'http://10.0.0.7:81/categories/?page_size=1'")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [(("--user", "ada"), "--user takes the id of a user"), (("--caller", "stranger"), "invalid choice: 'stranger'")],
)
def test_a_wrong_value_is_named(arguments: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        token("--operator", *arguments)


# How a command ends.


@pytest.mark.parametrize("project", ["users", "orders"])
def test_without_tables_the_mend_is_named(project: str, tmp_path: Path) -> None:
    command = {"users": "ensure_admin", "orders": "retry_orders"}[project]
    answer = manage(project, tmp_path, command)
    assert answer.returncode == 1
    assert "Traceback" not in answer.stderr
    assert f"{project}_project/manage.py migrate" in answer.stderr
    assert "Traceback" in manage(project, tmp_path, command, "--traceback").stderr


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    url = "postgresql://postgres@127.0.0.1:1/users"
    answer = manage("users", tmp_path, "ensure_admin", USERS_DATABASE_URL=url)
    assert answer.returncode == 1
    assert answer.stderr.splitlines()[-1].endswith(
        "Is it running, and is its …_DATABASE_URL right? With --traceback all is shown."
    )


def test_a_question_that_nobody_can_answer_is_one_sentence(tmp_path: Path) -> None:
    answer = manage("orders", tmp_path, "flush")
    assert (answer.returncode, answer.stderr.count("\n")) == (1, 1)
    assert "nobody can answer" in answer.stderr


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt, 130), (BrokenPipeError, 141)])
def test_an_interrupted_command_ends_with_what_a_shell_expects(
    error: type[BaseException], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raise_it(self: CommandLine) -> None:
        raise error

    monkeypatch.setattr(CommandLine, "execute", raise_it)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    with pytest.raises(SystemExit) as ended:
        command_line.execute(["manage.py", "check"])
    assert ended.value.code == code
