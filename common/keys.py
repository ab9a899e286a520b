"""Columns that rows are compared and sorted by, the same on both databases: each is made of another column.

Databases fold and sort text in ways of their own. A key is folded here, and compared by the numbers of its characters.
"""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any

from django.db import IntegrityError, connection, models, transaction


class KeyField(models.CharField):  # type: ignore[type-arg]  # generic in the stubs only
    """Made by `make` of the field `of` whenever it is saved, so that no caller can forget it."""

    def __init__(self, *args: Any, of: str, make: Callable[[str], str], **options: Any) -> None:
        self.of, self.make = of, make
        super().__init__(*args, **options)

    def deconstruct(self) -> Any:
        name, path, args, options = super().deconstruct()
        return name, path, args, {**options, "of": self.of, "make": self.make}

    def db_parameters(self, connection: Any) -> Any:
        collation = "C" if connection.vendor == "postgresql" else None
        return {**super().db_parameters(connection), "collation": collation}

    def key_of(self, row: models.Model) -> str:
        return self.make(getattr(row, self.of))

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        key = self.key_of(model_instance)
        setattr(model_instance, self.attname, key)
        return key


def key_fields(model: type[models.Model]) -> list[KeyField]:
    return [field for field in model._meta.concrete_fields if isinstance(field, KeyField)]


def keys_of(model: type[models.Model], columns: Collection[str]) -> list[str]:
    """The columns that are made of these."""
    return [field.attname for field in key_fields(model) if field.of in columns]


def write_keys(rows: Sequence[models.Model]) -> None:
    """Make the keys of what others than this release have written. A key that another row has is left out."""
    for field in key_fields(type(rows[0])) if rows else ():
        stale = [row for row in rows if getattr(row, field.attname) != field.key_of(row)]
        try:
            _write(field, stale)
        except IntegrityError:
            for row in stale:
                with suppress(IntegrityError):
                    _write(field, [row])


def _write(field: KeyField, rows: Sequence[models.Model]) -> None:
    table, primary_key = field.model._meta.db_table, field.model._meta.pk
    # Not if the text has changed meanwhile: who changed it has made its key.
    statement = f"UPDATE {table} SET {field.column} = %s WHERE {primary_key.column} = %s AND {field.of} = %s"  # noqa: S608
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(
            statement,
            [
                (field.key_of(row), primary_key.get_db_prep_value(row.pk, connection), getattr(row, field.of))
                for row in rows
            ],
        )
