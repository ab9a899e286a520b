"""`manage.py test`: this project's suite, with pytest."""

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from common.settings import ROOT

HELP = """\
Run this project's tests with pytest, on a database and with secrets of their own. What follows `test` is handed on to
pytest: files or folders instead of the whole suite, and options, for example `-k password -x`. With `-h` alone this
help is shown; `python -m pytest --help` shows pytest's.

Exit code: pytest's, which is 0 if all tests passed, 1 if some failed, and 5 if none was found."""
PREPARED = ("-p", "no:cacheprovider", "-m", "not redis")


class Command(BaseCommand):
    help = HELP

    def run_from_argv(self, argv: list[str]) -> None:
        """Django's parser would take pytest's options for its own."""
        if argv[2:] in (["-h"], ["--help"]):
            self.print_help(argv[0], argv[1])
            return
        try:
            sys.exit(run(argv[2:]))
        except CommandError as error:
            sys.exit(f"{argv[0]} test: {error}")


def run(arguments: list[str]) -> int:
    """pytest's exit code."""
    suite = ROOT / "tests" / settings.SERVICE_NAME
    if not suite.is_dir():
        raise CommandError(f"there is no {suite}; this copy has no tests, but a clone of the repository has.")
    if importlib.util.find_spec("pytest") is None:
        raise CommandError(
            f"pytest is not installed; `python3 {ROOT / 'manage_all.py'} test {settings.SERVICE_NAME}` installs what "
            "tests need into .venv, and runs them."
        )
    chosen = any(Path(argument.partition("::")[0]).exists() for argument in arguments)
    command = [sys.executable, "-m", "pytest", *PREPARED, *([] if chosen else [str(suite)]), *arguments]
    with tempfile.TemporaryDirectory(prefix="plaza-test-") as data_dir:
        environment = {**os.environ, "PLAZA_DATA_DIR": data_dir, "PYTHONPATH": str(ROOT)}
        return subprocess.run(command, env=environment, check=False).returncode  # noqa: S603 - no shell is meant
