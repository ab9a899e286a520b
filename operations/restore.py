"""`restore`: a backup becomes a system again, in a place where there is nothing yet.

A note in the system's folder says that a restore has begun there. Until it is done `up` refuses to start, and the same
command may be repeated: what it finds then is its own.
"""

import argparse
import os
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

from . import backup, postgres, processes
from .cli import add_data_dir
from .console import OperationError, rewrite, say
from .databases import BESIDE_A_FILE, POSTGRESQL, SQLITE, Database, databases
from .layout import ROOT, System
from .manifest import NAME, Copy, Manifest
from .status import ownership
from .version import is_newer, version

NOTE = "restore-has-begun"
DRAFT = ".restored"
LIBRARIES = ("auth", "contenttypes")  # Django's own apps; requirements.lock says their version
DESCRIPTION = """\
Make a system from the backup in DIR, or from the newest one in a folder of backups: databases, secrets, and with
them accounts, sessions and orders. Checksums are compared first. The place must be empty: no database, no secret
(move them away), and on PostgreSQL databases without tables, named by the same …_DATABASE_URL variables as for
`up`. A backup of a newer Plaza is refused. If it is interrupted, repeat it."""
EPILOG = """\
example:
  python3 manage_all.py restore /srv/backups/plaza --data-dir /srv/plaza-data
  python3 manage_all.py up --detach --data-dir /srv/plaza-data
  python3 manage_all.py audit --data-dir /srv/plaza-data

exit codes: 0 done; 1 refused, or it could not be done; 2 wrong usage"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.set_defaults(run=run)
    parser.add_argument("directory", type=Path, metavar="DIR", help="a backup, or a folder of backups")
    add_data_dir(parser)


def run(options: argparse.Namespace) -> int:
    system: System = options.system
    folder = choose(options.directory.expanduser().absolute())
    manifest = Manifest.read(folder)
    require_not_newer(manifest, ROOT)
    processes.interrupt_at(signal.SIGTERM, signal.SIGHUP)
    manifest.verify(folder, lambda name: rewrite(f"Checking {name} ..."))
    rewrite("")
    try:
        system.create()
        with ownership(system.lock_file) as is_owner:
            if not is_owner:
                raise OperationError(f"Plaza runs in {system.base}; stop it with `{system.command('down')}`.")
            restore(system, folder, manifest)
    except OSError as error:
        raise OperationError(f"It could not be restored: {error}. Mend that and repeat it.") from error
    print(
        f"Restored the backup of {manifest.taken_at} (version {manifest.version}). Start it with "
        f"`{system.command('up')}`; then `{system.command('audit')}` says whether the services agree."
    )
    return 0


def choose(folder: Path) -> Path:
    if (folder / NAME).exists():
        return folder
    if found := backup.dated(folder):
        say(f"The newest backup there is {found[0].name}.")
        return found[0]
    raise OperationError(f"{folder} is no backup, or not a complete one: {NAME} is missing.")


def require_not_newer(manifest: Manifest, root: Path) -> None:
    """By its number, and by its migrations where the projects' code is at hand."""
    own = version()
    if is_newer(manifest.version, own):
        raise OperationError(
            f"The backup was made by Plaza {manifest.version}, and this is {own}; restore it with that one."
        )
    for name, copy in manifest.databases.items():
        known = {path.stem for path in (root / f"{name}_project").glob("*/migrations/*.py")}
        own_migrations = [each.partition(".") for each in copy.migrations if each.partition(".")[0] not in LIBRARIES]
        unknown = [f"{app}.{migration}" for app, _, migration in own_migrations if migration not in known]
        if known and unknown:
            raise OperationError(
                f"The backup has tables of a newer Plaza ({name}: {', '.join(unknown)}); restore it with that one."
            )


def restore(system: System, folder: Path, manifest: Manifest) -> None:
    """The place is this process's own. What takes long comes first: files get their names at the end."""
    places = [(database, manifest.databases[database.name]) for database in databases(system)]
    note = system.run / NOTE
    require_same_engines(places)
    if not note.exists():
        require_empty(system, [database for database, _ in places])
        note.touch(mode=0o600)
    for database, copy in places:
        rewrite(f"Restoring the database of {database.name} ...")
        if copy.engine == SQLITE:
            _copy(folder / copy.file, Path(f"{database.path}{DRAFT}"))
        else:
            _fill_postgres(database, folder / copy.file)
    for database, copy in places:
        if copy.engine == SQLITE:
            os.replace(f"{database.path}{DRAFT}", database.path)
    _restore_secrets(system, folder / backup.SECRETS)
    note.unlink()
    rewrite("")


def require_same_engines(places: Sequence[tuple[Database, Copy]]) -> None:
    for database, copy in places:
        if copy.engine == POSTGRESQL and not database.url:
            raise OperationError(
                f"The backup's {database.name} is of PostgreSQL; name an empty database in {database.variable}."
            )
        if copy.engine == SQLITE and database.url:
            raise OperationError(
                f"The backup's {database.name} is an SQLite file; restore it without {database.variable}, and then "
                "`move-to-postgres`."
            )


def require_empty(system: System, places: Sequence[Database]) -> None:
    secrets = system.base / backup.SECRETS
    files = [Path(f"{each.path}{suffix}") for each in places if not each.url for suffix in ("", *BESIDE_A_FILE)]
    there = [path for path in files if path.exists()] + ([secrets] if backup.secret_files(system) else [])
    if there:
        raise OperationError(
            f"Only an empty place can be restored into, and there is {there[0]}; move it away, or name another "
            "directory with --data-dir."
        )
    for database in places:
        if database.url:
            _require_empty_postgres(database)


def _require_empty_postgres(database: Database) -> None:
    with postgres.Psql(database.name, database.url) as session:
        if session.number(postgres.OWN_TABLES):
            raise OperationError(f"The database of {database.name} has tables; name an empty one.")
        if session.number(postgres.OTHERS):
            raise OperationError(f"The database of {database.name} is in use; stop who uses it.")


def _fill_postgres(database: Database, dump: Path) -> None:
    """All of it or nothing. What an interrupted restore has put there is replaced."""
    command = ["pg_restore", "--single-transaction", "--exit-on-error", "--clean", "--if-exists", "--no-owner"]
    postgres.run(database.name, database.url, [*command, "--no-privileges", str(dump)])
    with postgres.Psql(database.name, database.url) as session:
        session.ask("ANALYZE")  # a dump has no statistics, and without them an audit of many orders takes too long


def _restore_secrets(system: System, kept: Path) -> None:
    target = system.base / backup.SECRETS
    target.mkdir(mode=0o700, exist_ok=True)
    for path in sorted(kept.iterdir()):
        draft = target / f".{path.name}{DRAFT}"
        _copy(path, draft)
        os.replace(draft, target / path.name)


def _copy(path: Path, target: Path) -> None:
    """Private, and on the disk when this returns."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    descriptor = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with path.open("rb") as source, open(descriptor, "wb") as file:
        shutil.copyfileobj(source, file, 1024 * 1024)
        file.flush()
        os.fsync(file.fileno())


def require_no_half_restore(system: System) -> None:
    """For `up`."""
    if (system.run / NOTE).exists():
        raise OperationError(
            f"A restore into {system.base} was interrupted; repeat it, or remove {system.run / NOTE} to start without."
        )
