"""`move-to-postgres`: each project's rows from its SQLite file to the PostgreSQL that its variable names."""

import argparse
import signal

from . import processes
from .cli import add_data_dir
from .console import OperationError, say
from .databases import databases
from .layout import ROOT, System, manage
from .status import ownership

DESCRIPTION = """\
Move Plaza from SQLite to PostgreSQL: every row of each project whose …_DATABASE_URL is set. Stop Plaza first. Each
project's database must be empty; it is filled by one transaction. Rows and checksums of every table are compared
before it counts. If the run is interrupted, repeat it: what has been moved is compared and left as it is.
The SQLite files stay as they are, so the way back is to start without the variables."""
EPILOG = """\
example:
  export USERS_DATABASE_URL=postgresql://users:…@10.0.0.7/users    and PRODUCTS_…, ORDERS_…, GATEWAY_…
  python3 manage_all.py down
  python3 manage_all.py move-to-postgres --dry-run
  python3 manage_all.py move-to-postgres --yes
  python3 manage_all.py up

exit codes: 0 done; 1 a project could not be moved, and its database is as it was; 2 wrong usage"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.set_defaults(run=run)
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--dry-run", action="store_true", help="say what would be moved, and change nothing")
    how.add_argument("--yes", action="store_true", help="move it")
    add_data_dir(parser)


def run(options: argparse.Namespace) -> int:
    system: System = options.system
    processes.interrupt_at(signal.SIGTERM, signal.SIGHUP)
    system.create()
    with ownership(system.lock_file) as is_owner:
        if not is_owner:
            raise OperationError(f"Plaza runs in {system.base}; stop it first: `{system.command('down')}`.")
        found = databases(system)
        moved = [database for database in found if database.url]
        if not moved:
            raise OperationError(f"Name the databases to move to, for example {found[0].variable}=postgresql://….")
        for database in found:
            if database.url:
                say(f"{database.name}:")
                move(system, database.server.project, "--dry-run" if options.dry_run else "--yes")
            else:
                say(f"{database.name} stays on SQLite: {database.variable} is not set.")
    if not options.dry_run:
        print(f"{len(moved)} databases are on PostgreSQL, each row compared. Start with the same variables.")
    return 0


def move(system: System, project: str, how: str) -> None:
    """Ends with this command, also if that is killed; then the database's server undoes what it did."""
    command = manage(project, "move_to_postgres", how)
    process = processes.spawn(command, directory=ROOT, environment=system.environment(), stdout=None, stderr=None)
    try:
        code = process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
    if code != 0:
        raise OperationError(f"{project} was not moved, as said above; mend that and repeat it.")
