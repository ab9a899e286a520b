"""`manage.py export_products` writes the catalogue as CSV."""

import sys
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from common.progress import Progress
from products_project.products.csv_files import write_catalogue
from products_project.products.search import visible_products


class Command(BaseCommand):
    help = "Write every product to a CSV file, or to standard output. import_products makes the same catalogue of it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", metavar="FILE.csv", help="default: standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["file"]
        if name is None:
            _write(self.stdout)  # type: ignore[arg-type]  # it has the `write` that this needs
            return
        try:
            with open(name, "w", encoding="utf-8", newline="") as file:
                written = _write(file)
        except OSError as error:
            raise CommandError(f"{name}: {error.strerror}") from error
        self.stderr.write(f"{written:,} products")


def _write(file: IO[str]) -> int:
    progress = Progress(sys.stderr, "products", visible_products().count() if sys.stderr.isatty() else 0)
    written = write_catalogue(file, progress.show)
    progress.clear()
    return written
