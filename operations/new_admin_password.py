"""`admin-password`: a way in for who has lost the password of `admin`."""

import argparse
import json

from . import admin_password
from .cli import add_data_dir
from .databases import environment
from .layout import System
from .prepare import Task, run_together

DESCRIPTION = """\
Give the user `admin`, or USERNAME, a new password, and print it once; PLAZA_ADMIN_PASSWORD chooses it. All sessions
of that account end, within a second also in a running system. It works while Plaza runs and while it is stopped."""
EPILOG = """\
examples:
  python3 manage_all.py admin-password
  PLAZA_ADMIN_PASSWORD='long and odd enough' python3 manage_all.py admin-password

exit codes: 0 done; 1 there is no such account, or no table yet (`up` makes both), or the password is too weak;
2 wrong usage"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.set_defaults(run=run)
    parser.add_argument("username", nargs="?", default="admin", metavar="USERNAME", help="default: %(default)s")
    add_data_dir(parser)


def run(options: argparse.Namespace) -> int:
    system: System = options.system
    variables = environment(system)
    password = admin_password.hidden()
    reset = Task(
        "users_project", "reset_password", ("--json", "--", options.username), is_kept=True, variables=password
    )
    run_together([reset], variables)
    account = json.loads(reset.printed)
    try:
        end = Task("gateway_project", "end_sessions", (account["id"],), is_kept=True)
        run_together([end], variables)
        print(end.printed, end="")
    finally:  # it is known to nobody else
        print(account["said"])
    return 0
