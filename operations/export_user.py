"""`export-user`: all that is held about a person, from the databases of all projects."""

import argparse
import json
import sys
from pathlib import Path

from .cli import add_data_dir
from .console import OperationError, say
from .databases import environment
from .layout import SERVERS, System
from .prepare import Task, run_together

DESCRIPTION = """\
Write all that Plaza holds about a person as one JSON document: {"users": {"accounts": [...], ...}, "gateway": ...}.
It asks `manage.py export_user` of each project, whether Plaza runs or not. Hidden orders are in it; digests of
passwords and tokens are not. Logs hold the person's id, for as long as they are kept: `logs --json`, field user_id."""
EPILOG = """\
examples:
  python3 manage_all.py export-user ada > ada.json
  python3 manage_all.py export-user 0197c2a4-… --output ada.json

exit codes: 0 written; 1 there is no such account, or a database can't be read; 2 wrong usage"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.set_defaults(run=run)
    parser.add_argument("user", metavar="ID", help="the id of the account, or its username")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write there, mode 0600 (default: standard output)")
    add_data_dir(parser)


def run(options: argparse.Namespace) -> int:
    system: System = options.system
    variables = environment(system)
    account = Task("users_project", "export_user", ("--", options.user), is_kept=True)
    run_together([account], variables)
    user_id = json.loads(account.printed)["accounts"][0]["id"]
    others = [Task(server.project, "export_user", (user_id,), is_kept=True) for server in SERVERS]
    others = [task for task in others if task.project != account.project]
    run_together(others, variables)
    parts = {task.project.removesuffix("_project"): task.printed.strip() for task in (account, *others)}
    document = "{" + ",\n".join(f"{json.dumps(name)}: {part}" for name, part in parts.items()) + "}\n"
    if options.output is None:
        sys.stdout.write(document)
    else:
        _write(options.output, document)
        say(f"All that is held about {options.user} is in {options.output}.")
    return 0


def _write(path: Path, document: str) -> None:
    try:
        path.touch(mode=0o600)
        path.write_text(document)
    except OSError as error:
        raise OperationError(f"{path} can't be written: {error.strerror}.") from error
