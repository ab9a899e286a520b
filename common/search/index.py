"""Keeps the entries of a model that can be searched."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any

from django.apps import AppConfig
from django.db import connection, models, transaction
from django.db.models import QuerySet
from django.db.models.signals import post_migrate

from common.batches import in_batches
from common.chores import chores
from common.keys import write_keys

from .tables import restore_triggers
from .words import words_of

BATCH = 500


@dataclass(frozen=True)
class SearchIndex:
    """`entries` hold the words of the owners' `columns`, unless `gone` of the owner is set.

    An entry has `number`, `owner`, `words` and `is_stale`. Numbers follow the age of the owners.
    """

    entries: type[Any]
    columns: tuple[str, ...]
    gone: str

    def keep(self, app: AppConfig) -> None:
        """For `app.ready`: has entries filled, and triggers restored, that others have left stale or dropped."""
        post_migrate.connect(self.restore_triggers, sender=app)
        chores.add(60, self.fill)

    def restore_triggers(self, **signal: Any) -> None:
        """For the signal `post_migrate`."""
        restore_triggers(self.entries, self.columns, self.gone)

    def is_about(self, columns: Iterable[str]) -> bool:
        """Whether some of `columns` are searched."""
        return not set(self.columns).isdisjoint(columns)

    def write(self, *owners: models.Model) -> None:
        """To be called in the transaction that writes `owners`."""
        table: str = self.entries._meta.db_table
        key = self.entries._meta.get_field("owner").target_field
        rows = [(self._words(owner), key.get_db_prep_value(owner.pk, connection)) for owner in owners]
        with connection.cursor() as cursor:
            cursor.executemany(f"UPDATE {table} SET words = %s, is_stale = FALSE WHERE owner_id = %s", rows)

    def fill(self) -> None:
        """Make the words of all entries that others than the service have left stale."""
        while self._fill_some():
            pass

    def _stale(self) -> QuerySet[Any]:
        rows: QuerySet[Any] = self.entries.objects.filter(is_stale=True).order_by("-number")
        return rows

    def _renew_keys(self) -> None:
        """Not in the transaction of the words: who writes a row locks it before its entry."""
        ids = self._stale().values_list("owner_id", flat=True)[:BATCH]
        write_keys(list(self._owners().filter(pk__in=list(ids))))

    def _fill_some(self) -> int:
        self._renew_keys()
        with transaction.atomic():
            # Locked before the texts are read: who changes one after that marks its entry again, once this is done.
            stale = self._stale().select_for_update(skip_locked=True)
            ids = list(stale.values_list("owner_id", flat=True)[:BATCH])
            self.write(*self._owners().filter(pk__in=ids))
        return len(ids)

    def add_missing(self, age: str) -> None:
        """Give entries to the rows that are older than the triggers, the newest first.

        Their numbers fall from -1, below those of the rows that are made meanwhile. `age` is the column of their age.
        """
        lowest = self.entries.objects.order_by("number").values_list("number", flat=True).first() or 0
        numbers = count(min(lowest, 0) - 1, -1)
        for batch in in_batches(self._owners().filter(**{self.gone: None}).only(age), f"-{age}"):
            with transaction.atomic():  # who changes a text meanwhile waits, and then marks the entry
                locked = self._owners().select_for_update().in_bulk([row.pk for row in batch])
                entries = [
                    self.entries(
                        number=next(numbers), owner_id=row.pk, words=self._words(locked[row.pk]), is_stale=False
                    )
                    for row in batch
                ]
                self.entries.objects.bulk_create(entries, ignore_conflicts=True)

    def _owners(self) -> QuerySet[Any]:
        owners: QuerySet[Any] = self.entries._meta.get_field("owner").related_model._default_manager.all()
        return owners

    def _words(self, owner: Any) -> str:
        is_gone = getattr(owner, self.gone) is not None
        texts = [] if is_gone else [getattr(owner, column) for column in self.columns]
        return "".join(f" {word}" for word in words_of(" ".join(texts)))
