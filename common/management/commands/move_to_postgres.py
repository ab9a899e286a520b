"""`manage.py move_to_postgres`: this project's rows, from its SQLite file to the PostgreSQL that its variable names.

One transaction writes all of them, so a run that is killed leaves nothing, and is repeated. Rows are read as the models
read them and in batches. Each table's number of rows and checksum are compared before the commit.
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, connections, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.models import AutoField, JSONField, Model

from common.databases import migration_lock, sqlite_database
from common.search.tables import WordsField
from common.settings import database_path

SOURCE = "moved"  # the alias of the SQLite file
BATCH = 2000

Row = tuple[Any, ...]


@dataclass
class Digest:
    """Of rows in whatever order."""

    rows: int = 0
    total: int = 0

    def add(self, row: Row) -> None:
        self.rows += 1
        digest = hashlib.sha256(repr(row).encode()).digest()
        self.total = (self.total + int.from_bytes(digest)) % 2**256

    def __str__(self) -> str:
        return f"{self.rows:,} rows, checksum {self.total >> 208:012x}"


class Command(BaseCommand):
    help = "Move this project's rows from its SQLite file to PostgreSQL. Stop the service first."

    def add_arguments(self, parser: CommandParser) -> None:
        how = parser.add_mutually_exclusive_group(required=True)
        how.add_argument("--dry-run", action="store_true", help="say what would be moved, and change nothing")
        how.add_argument("--yes", action="store_true", help="move it")

    def handle(self, *args: Any, **options: Any) -> None:
        if connection.vendor != "postgresql":
            raise CommandError(f"{settings.SERVICE_NAME.upper()}_DATABASE_URL names no PostgreSQL to move to.")
        self._open_source()
        with transaction.atomic(using=SOURCE):  # nobody else writes there meanwhile
            self._require_all_tables()
            if options["dry_run"]:
                self._tell_plan()
                return
            with migration_lock():
                call_command("migrate", interactive=False, verbosity=0)
            self._move()

    def _open_source(self) -> None:
        path = database_path(f"{settings.SERVICE_NAME}_project")
        if not path.exists():
            raise CommandError(f"There is nothing to move: {path} doesn't exist.")
        configured = connections.configure_settings({"default": {}, SOURCE: sqlite_database(path, "FULL")})
        connections.settings[SOURCE] = configured[SOURCE]

    def _require_all_tables(self) -> None:
        executor = MigrationExecutor(connections[SOURCE])
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            raise CommandError("The SQLite file has the tables of an older Plaza: first run `manage_all.py migrate`.")

    def _tell_plan(self) -> None:
        tables = connection.introspection.table_names()
        for model in moved_models():
            name = model._meta.db_table
            there = model._base_manager.count() if name in tables else 0
            rows = model._base_manager.using(SOURCE).count()
            self.stdout.write(f"{name}: {rows:,} rows to move, {there:,} there")

    def _move(self) -> None:
        with transaction.atomic():
            if any(model._base_manager.exists() for model in moved_models()):
                self._compare_with_what_is_there()
                return
            for model in moved_models():
                with without_triggers(model):
                    sent = self._copy(model)
                number_on(model)
                self._require_same(model, sent)
                self.stdout.write(f"{model._meta.db_table}: {sent}")
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")

    def _compare_with_what_is_there(self) -> None:
        for model in moved_models():
            self._require_same(model, self._digest(model, SOURCE))
        self.stdout.write(f"All rows of {settings.SERVICE_NAME} are there already, and the same.")

    def _copy(self, model: type[Model]) -> Digest:
        digest = Digest()
        fields = model._meta.concrete_fields
        quoted = [connection.ops.quote_name(str(field.column)) for field in fields]
        statement = f"COPY {connection.ops.quote_name(model._meta.db_table)} ({', '.join(quoted)}) FROM STDIN"
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in self._rows(model, SOURCE, "Moving"):
                copy.write_row(
                    [field.get_db_prep_save(value, connection) for field, value in zip(fields, row, strict=True)]
                )
                digest.add(comparable(model, row))
        return digest

    def _require_same(self, model: type[Model], sent: Digest) -> None:
        found = self._digest(model, "default")
        if found != sent:
            raise CommandError(
                f"{model._meta.db_table} is not the same on PostgreSQL: {sent} in the file, {found} there. Nothing was "
                "moved of this project; name an empty database."
            )

    def _digest(self, model: type[Model], alias: str) -> Digest:
        digest = Digest()
        for row in self._rows(model, alias, "Comparing"):
            digest.add(comparable(model, row))
        return digest

    def _rows(self, model: type[Model], alias: str, doing: str) -> Iterator[Row]:
        for number, row in enumerate(rows_of(model, alias)):
            if number % BATCH == 0 and sys.stderr.isatty():
                self.stderr.write(f"\r\033[K{doing} {model._meta.db_table}: {number:,} ...", ending="")
            yield row
        if sys.stderr.isatty():
            self.stderr.write("\r\033[K", ending="")


def moved_models() -> list[type[Model]]:
    """The project's own, each after those that it points to."""
    project = f"{settings.SERVICE_NAME}_project."
    return [model for app in apps.get_app_configs() if app.name.startswith(project) for model in app.get_models()]


def rows_of(model: type[Model], alias: str) -> Iterator[Row]:
    """The values of all columns, read from the primary key's index, a batch at a time."""
    names = [field.attname for field in model._meta.concrete_fields]
    key = next(number for number, field in enumerate(model._meta.concrete_fields) if field.primary_key)
    rows = model._base_manager.using(alias).order_by("pk").values_list(*names)
    batch = list(rows[:BATCH])
    while batch:
        yield from batch
        batch = list(rows.filter(pk__gt=batch[-1][key])[:BATCH])


def comparable(model: type[Model], row: Row) -> Row:
    """The row's values in the form that both databases have in common."""
    fields = zip(model._meta.concrete_fields, row, strict=True)
    return tuple(None if value is None else _plain(field, value) for field, value in fields)


def _plain(field: Any, value: Any) -> Any:
    if isinstance(field, JSONField):
        return json.dumps(value, sort_keys=True)  # PostgreSQL sorts them in its own way
    if isinstance(field, WordsField):
        return sorted({word.strip("'") for word in value.split()})
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.normalize() if isinstance(value, Decimal) else value


@contextmanager
def without_triggers(model: type[Model]) -> Iterator[None]:
    """Inside the block no row gets an entry for searches: the entries are moved too."""
    table = connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # a table with pending checks can't be altered
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def number_on(model: type[Model]) -> None:
    """Have new rows numbered after those that were moved."""
    key = model._meta.pk
    if not isinstance(key, AutoField):
        return
    table, column = connection.ops.quote_name(model._meta.db_table), connection.ops.quote_name(str(key.column))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT setval(pg_get_serial_sequence(%s, %s), greatest(max({column}), 1), max({column}) >= 1) "
            f"FROM {table}",
            [model._meta.db_table, key.column],
        )
