"""`manage.py import_products` brings a catalogue into the shop."""

import os
import shutil
import sys
import tempfile
from argparse import RawDescriptionHelpFormatter
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from common.progress import Progress
from products_project.products.csv_files import COLUMNS, BadFile, Line, read_lines
from products_project.products.imports import BATCH, Import, Tally

HELP = f"""\
Bring products into the shop from a CSV file in UTF-8. Its first line names the columns, in any order:
{", ".join(COLUMNS)}.

A line whose SKU the shop knows changes that product, any other makes one. A column that isn't in the file stays as it
is in the shop. `stock` is what can be sold from now on: the ledger gets a row with the difference, and what is
reserved for orders stays reserved. An empty stock or currency counts as absent; a new product then has no stock, and
EUR. `category` is a slug, which must exist unless --make-categories is given.

All lines are checked first. If one is bad nothing is written, unless --keep-going is given. Without --keep-going all
is one transaction, and on SQLite nobody else writes until it ends; with it, every {BATCH} lines are one.

Exit codes: 0 all lines were good, 1 some were bad."""


class Command(BaseCommand):
    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.add_argument("file", metavar="FILE.csv", help="`-` for standard input")
        parser.add_argument("--dry-run", action="store_true", help="check all lines and write nothing")
        parser.add_argument("--keep-going", action="store_true", help="leave bad lines out and write the others")
        parser.add_argument("--make-categories", action="store_true", help="make the categories that are missing")

    def handle(self, *args: Any, **options: Any) -> None:
        with _opened(options["file"]) as file:
            try:
                tally = self._run(file, options)
            except BadFile as error:
                raise CommandError(f"{error}. Nothing more was read.") from error
        Progress(sys.stderr, "lines").clear()
        is_written = not options["dry_run"] and (options["keep_going"] or not tally.bad)
        self.stdout.write(f"{tally}{'' if is_written else '; nothing was written'}.")
        if tally.bad:
            raise CommandError(f"Bad lines: {tally.bad}.")

    def _run(self, file: IO[str], options: dict[str, Any]) -> Tally:
        if options["keep_going"] and not options["dry_run"]:
            return self._import(file, "written", options).write(read_lines(file))
        tally = self._import(file, "checked", options).check(read_lines(file))
        if options["dry_run"] or tally.bad:
            return tally
        file.seek(0)
        with transaction.atomic():
            tally = self._import(file, "written", options).write(read_lines(file))
            transaction.set_rollback(bool(tally.bad))  # the shop has changed since the check
        return tally

    def _import(self, file: IO[str], verb: str, options: dict[str, Any]) -> Import:
        progress = Progress(sys.stderr, f"lines {verb}")

        def complain(line: Line, reason: str) -> None:
            progress.clear()
            self.stderr.write(f"line {line.number}: {reason}")

        def report(tally: Tally) -> None:
            progress.show(tally.lines, part_read(file))

        return Import(complain, report, makes_categories=options["make_categories"])


def part_read(file: IO[str]) -> float:
    size = os.fstat(file.fileno()).st_size
    return os.lseek(file.fileno(), 0, os.SEEK_CUR) / max(size, 1)


@contextmanager
def _opened(name: str) -> Iterator[IO[str]]:
    """The file, or all that comes from standard input, which must be read twice."""
    try:
        with tempfile.TemporaryFile() if name == "-" else open(name, "rb") as file:
            if name == "-":
                shutil.copyfileobj(sys.stdin.buffer, file)
                file.seek(0)
            yield TextIOWrapper(file, encoding="utf-8-sig", newline="")
    except OSError as error:
        raise CommandError(f"{name}: {error.strerror}") from error
