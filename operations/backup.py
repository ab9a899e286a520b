"""`backup`: all databases as they were at one moment, the secrets, and a manifest with their checksums.

A backup appears whole or not at all. It is written under another name beside its place, flushed, and only then renamed.
"""

import argparse
import ctypes
import fcntl
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from . import processes, snapshot
from .cli import add_data_dir, positive
from .console import OperationError, rewrite
from .databases import Database, databases
from .layout import System
from .manifest import NAME, Copy, Manifest, describe
from .version import version

SECRETS = "secrets"
DRAFT = ".plaza-backup-"  # without the backup's own name: the next one has another, and tidies up as well
DATED = "%Y-%m-%dT%H%M%SZ"
AT_FDCWD, RENAME_EXCHANGE = -100, 2  # renameat2(2)
DESCRIPTION = """\
Copy all four databases and the secrets into DIR, while Plaza runs or not. The databases are copied as they were
at one moment: a restored system settles by itself what was in flight then, and audits clean.

DIR is new, or an earlier backup, which is replaced. With --keep N it is a folder of backups named by their time,
of which the newest N are kept. The backup is written beside its place and renamed when it is complete, so the
last good one is there whatever happens. Files are private (0600), and so is the folder (0700): it holds keys.

Databases on PostgreSQL are copied by pg_dump, which must not be older than the server."""
EPILOG = """\
examples:
  python3 manage_all.py backup /srv/backups/plaza
  python3 manage_all.py backup /srv/backups/plaza --keep 14

every night, by cron (crontab -e):
  30 3 * * *  cd /srv/plaza && python3 manage_all.py backup /srv/backups/plaza --keep 14

or by systemd: plaza-backup.service with
  [Service]
  Type=oneshot
  User=plaza
  WorkingDirectory=/srv/plaza
  ExecStart=/usr/bin/python3 manage_all.py backup /srv/backups/plaza --keep 14
and plaza-backup.timer with
  [Timer]
  OnCalendar=*-*-* 03:30
  Persistent=true
  [Install]
  WantedBy=timers.target

exit codes: 0 done; 1 it could not be done, and the earlier backups are as they were; 2 wrong usage"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.set_defaults(run=run)
    parser.add_argument("directory", type=Path, metavar="DIR", help="where the backup goes; its parent must be there")
    parser.add_argument("--keep", type=positive, metavar="N", help="DIR is a folder of backups; keep the newest N")
    add_data_dir(parser)


def run(options: argparse.Namespace) -> int:
    processes.interrupt_at(signal.SIGTERM, signal.SIGHUP)
    folder: Path = options.directory.expanduser().absolute()
    now = datetime.now(UTC)
    try:
        if options.keep:
            folder.mkdir(mode=0o700, exist_ok=True)
        place = folder / now.strftime(DATED) if options.keep else folder
        manifest = back_up(options.system, place, now)
        if options.keep:
            forget(folder, keep=options.keep)
    except (OSError, sqlite3.Error) as error:
        raise OperationError(f"The backup could not be made: {error}. Earlier ones are as they were.") from error
    size = sum(file["bytes"] for file in manifest.files.values())
    print(f"Backed up {len(manifest.databases)} databases and {_secrets_in(manifest)} ({megabytes(size)}): {place}")
    return 0


def back_up(system: System, place: Path, now: datetime) -> Manifest:
    """At `place`, which is new or a backup. Raises `OperationError`, `OSError` and `sqlite3.Error`."""
    if place.exists() and not (place / NAME).exists() and any(place.iterdir()):
        raise OperationError(f"{place} is there and is no backup; name a new directory.")
    found = databases(system)
    _require_room(found, place.parent)
    with _draft(place) as draft:
        copies = _copy_databases(found, draft)
        _copy_secrets(system, draft / SECRETS)
        files = sorted(path for path in draft.rglob("*") if path.is_file())
        described = {str(path.relative_to(draft)): describe(path) for path in files}
        manifest = Manifest(version(), now.strftime("%Y-%m-%dT%H:%M:%SZ"), copies, described)
        manifest.write(draft)
        _flush(draft)
        _put(draft, place)
    rewrite("")
    return manifest


def _copy_databases(found: list[Database], draft: Path) -> dict[str, Copy]:
    copies = {}
    with snapshot.taken(found) as snapshots:
        for each in snapshots:
            database = each.database
            target = draft / f"{database.name}{each.suffix}"
            each.copy(target, _teller(database.name))
            copies[database.name] = Copy(target.name, database.engine, each.migrations())
    return copies


def _teller(name: str) -> Callable[[int, int | None], None]:
    def tell(written: int, whole: int | None) -> None:
        of_all = f" of {megabytes(whole)}" if whole else ""
        rewrite(f"Copying the database of {name}: {megabytes(written)}{of_all} ...")

    return tell


def _copy_secrets(system: System, target: Path) -> None:
    """Those that are files of the system. What variables hand in is the caller's to keep."""
    target.mkdir(mode=0o700)
    for path in secret_files(system):
        shutil.copyfile(path, target / path.name, follow_symlinks=False)


def secret_files(system: System) -> list[Path]:
    return sorted(path for path in (system.base / SECRETS).glob("[!.]*") if path.is_file())


def _require_room(found: list[Database], parent: Path) -> None:
    """Of PostgreSQL nobody knows before how small it will be."""
    files = [Path(f"{database.path}{suffix}") for database in found if not database.url for suffix in ("", "-wal")]
    needed = sum(path.stat().st_size for path in files if path.exists())
    if needed > (free := shutil.disk_usage(parent).free):
        raise OperationError(f"{parent} has room for {megabytes(free)}, and the backup may take {megabytes(needed)}.")


@contextmanager
def _draft(place: Path) -> Iterator[Path]:
    """A private folder beside `place`, gone after the block unless it was put there. Those of killed runs go too."""
    for left in place.parent.glob(f"{DRAFT}*"):
        _remove_unless_used(left)
    draft = place.with_name(f"{DRAFT}{os.getpid()}")
    usual = os.umask(0o077)
    draft.mkdir(mode=0o700)
    used = os.open(draft, os.O_RDONLY)
    try:
        fcntl.flock(used, fcntl.LOCK_EX)
        yield draft
    finally:
        os.umask(usual)
        os.close(used)
        shutil.rmtree(draft, ignore_errors=True)


def _remove_unless_used(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
    finally:
        os.close(descriptor)


def _flush(draft: Path) -> None:
    """To the disk, and private whatever wrote it."""
    for path in (draft, *draft.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
        _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _put(draft: Path, place: Path) -> None:
    """An earlier backup and the new one change places in one step. Where the system can't do that, it is moved away."""
    if (place / NAME).exists() and not _exchange(draft, place):
        previous = place.with_name(f"{place.name}.previous")
        shutil.rmtree(previous, ignore_errors=True)
        os.rename(place, previous)
    if draft.exists() and not (place / NAME).exists():
        os.rename(draft, place)
    _sync(place.parent)


def _exchange(one: Path, other: Path) -> bool:
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "renameat2"):
        return False
    return bool(libc.renameat2(AT_FDCWD, bytes(one), AT_FDCWD, bytes(other), RENAME_EXCHANGE) == 0)


def dated(folder: Path) -> list[Path]:
    """The complete backups in a folder of backups, the newest first."""
    return sorted((path.parent for path in folder.glob(f"[0-9]*Z/{NAME}")), reverse=True)


def forget(folder: Path, *, keep: int) -> None:
    """The older ones. None looks like a complete backup while it is being removed."""
    for left in folder.glob(".*.old"):
        shutil.rmtree(left)
    for path in dated(folder)[keep:]:
        old = path.with_name(f".{path.name}.old")
        os.rename(path, old)
        shutil.rmtree(old)


def _secrets_in(manifest: Manifest) -> str:
    count = sum(name.startswith(f"{SECRETS}/") for name in manifest.files)
    return f"{count} secrets" if count else "no secrets, since variables hand them in"


def megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
