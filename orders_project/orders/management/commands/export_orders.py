"""`manage.py export_orders` writes orders as CSV or JSON lines."""

import sys
from argparse import ArgumentTypeError, RawDescriptionHelpFormatter
from datetime import UTC, datetime
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from common.progress import Progress
from orders_project.orders.exports import orders_between, write_csv, write_json_lines

FORMATS = {"csv": write_csv, "jsonl": write_json_lines}
HELP = """\
Write orders, the oldest first, to a file or to standard output. Memory stays the same however many there are, and
the shop goes on meanwhile. Deleted orders are left out.

csv    a line for each product of an order; a text that a spreadsheet would take for a formula begins with '
jsonl  an order a line, as the API shows it

examples:
  manage.py export_orders --from 2026-11-01 --to 2026-12-01 november.csv
  manage.py export_orders --format jsonl | jq .total

Exit codes: 0 written, 1 the file can't be written, 2 wrong usage."""


def moment(text: str) -> datetime:
    """A day, or a time with or without its zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is neither a day (2026-11-01) nor a time (2026-11-01T09:30:00Z)") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


class Command(BaseCommand):
    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.add_argument("file", nargs="?", metavar="FILE", help="default: standard output")
        parser.add_argument("--from", dest="start", type=moment, metavar="WHEN", help="placed then or later (UTC)")
        parser.add_argument("--to", dest="end", type=moment, metavar="WHEN", help="placed before then (UTC)")
        parser.add_argument("--format", choices=FORMATS, default="csv", help="default: %(default)s")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["start"] and options["end"] and options["start"] >= options["end"]:
            raise CommandError("--from is not before --to, so no order can be between them.")
        name = options["file"]
        if name is None:
            self._write(self.stdout, options)  # type: ignore[arg-type]  # it has a `write`
            return
        try:
            with open(name, "w", encoding="utf-8", newline="") as file:
                written = self._write(file, options)
        except OSError as error:
            raise CommandError(f"{name}: {error.strerror}") from error
        self.stderr.write(f"{written:,} orders")

    def _write(self, file: IO[str], options: dict[str, Any]) -> int:
        orders = orders_between(options["start"], options["end"])
        progress = Progress(sys.stderr, "orders", orders.count() if sys.stderr.isatty() else 0)
        written = FORMATS[options["format"]](file, orders, progress.show)
        progress.clear()
        return written
