"""What each project's `manage.py` runs: Django's command line, or what to run instead where Django is missing."""

import shlex
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHON = ROOT / ".venv/bin/python"
STAYS = {"serve", "relay"}  # their tracebacks belong in the log
INTERRUPTED, BROKEN_PIPE = 128 + signal.SIGINT, 128 + signal.SIGPIPE  # what a shell reports of a command they ended


def execute(arguments: list[str]) -> None:
    try:
        from django.core.exceptions import ImproperlyConfigured
        from django.db import Error

        from common.management import CommandLine
    except ImportError as error:
        sys.exit(f"{arguments[0]}: {error}. {mend(arguments)}")
    try:
        CommandLine(arguments).execute()
        sys.stdout.flush()
    except ImproperlyConfigured as error:  # the settings say which variable it is, and what it takes
        sys.exit(f"{arguments[0]}: {error}")
    except Error as error:
        if "--traceback" in arguments or STAYS & set(arguments[1:2]):
            raise
        sys.exit(f"{arguments[0]}: the database says: {str(error).strip()}. {database_mend(arguments, error)}")
    except EOFError:
        sys.exit(f"{arguments[0]}: this asks a question and nobody can answer; run it at a terminal, or see --help.")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # as in `export_orders | head`; the flush at exit must not complain about it again
        sys.stdout = None
        sys.exit(BROKEN_PIPE)


def mend(arguments: list[str]) -> str:
    """What to type instead, wherever this copy of the code stands."""
    command = shlex.join((str(PYTHON), *arguments))
    if not (ROOT / "manage_all.py").exists():
        return "Install what requirements.lock lists into a virtual environment and run this with its Python."
    if Path(sys.prefix) == PYTHON.parents[1]:
        return f"The packages in .venv are damaged; remove it, then run: python3 {ROOT / 'manage_all.py'} migrate"
    if PYTHON.exists():
        return f"This Python lacks Plaza's packages; run: {command}"
    return f"Install the packages with: python3 {ROOT / 'manage_all.py'} migrate\nThen run: {command}"


def database_mend(arguments: list[str], error: Exception) -> str:
    text = str(error)
    if "no such table" in text or "does not exist" in text:
        return f"Make the tables first: {shlex.join((sys.executable, arguments[0], 'migrate'))}"
    return "Is it running, and is its …_DATABASE_URL right? With --traceback all is shown."
