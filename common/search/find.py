"""Finds the owners of entries that hold every word, each as the beginning of one of theirs.

Newest first, a search reads as much for a word of every row as for one of none. Each database has its own way:

- SQLite's FTS5 keeps the entries of each beginning of a word in order of their numbers, and joins them by skipping.
- PostgreSQL's GIN index can't be read in order, so whatever many rows hold is looked for among the newest ones first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from django.db import connection
from django.db.models import Model, OuterRef, QuerySet, Subquery
from django.db.models.expressions import RawSQL
from django.db.models.fields import BooleanField

from common.api.pagination import Position, read_column

from .index import SearchIndex
from .tables import LONGEST_PREFIX, WINDOW_BITS
from .words import words_of

FEW = 1000  # rows that can be sorted for a page
WALK = 2000  # entries that PostgreSQL reads one by one before it asks its index

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a walk begins, and whether it goes to older or newer entries. The entry there isn't part of it."""

    number: int
    to_older: bool

    def bounds(self, column: str, order_by: str = "") -> str:
        """The end of a statement, from the condition on."""
        sign, direction = ("<", "DESC") if self.to_older else (">", "ASC")
        return f"{column} {sign} %s ORDER BY {order_by or column} {direction} LIMIT %s"


@dataclass(frozen=True, slots=True)
class Found(Generic[M]):
    """Those of `rows` that a search finds, read in order of their numbers, which is that of their age."""

    rows: QuerySet[M, Any]
    index: SearchIndex
    text: str

    def read(self, column: str, descending: bool, position: Position | None, limit: int) -> list[M]:
        words = words_of(self.text)
        place = self._place(descending, position)
        if not words or place is None:
            return []
        ids = _finder(self.index, words).ids(place, limit)
        rows = {read_column(row, "id"): row for row in self.rows.filter(pk__in=ids)}
        return [rows[pk] for pk in ids if pk in rows]

    def values(self, *columns: str) -> "Found[M]":
        return replace(self, rows=self.rows.values(*columns))

    def _place(self, descending: bool, position: Position | None) -> Place | None:
        entries = self.index.entries.objects.order_by("-number" if descending else "number")
        at = entries.filter(owner=position.id) if position else entries
        number = at.values_list("number", flat=True).first()
        if number is None:
            return None
        return Place(number if position else number + (1 if descending else -1), descending)


def searched(rows: QuerySet[M], index: SearchIndex, text: str | None, *, by_age: bool) -> QuerySet[M] | Found[M]:
    """Those of `rows` that hold the words of `text`, all if it is None. `by_age`: in that order, unfiltered."""
    if text is None:
        return rows
    return Found(rows, index, text) if by_age else narrowed(rows, index, text)


def narrowed(rows: QuerySet[M], index: SearchIndex, text: str) -> QuerySet[M]:
    """Those of `rows` that a search finds, for a list with an order or filters of its own."""
    words = words_of(text)
    if not words:
        return rows.none()
    finder = _finder(index, words)
    ids = finder.few()
    if ids is not None:
        return rows.filter(pk__in=ids)
    holding = index.entries.objects.filter(finder.holds(), owner=OuterRef("pk"))
    # Not by EXISTS: of that, PostgreSQL may make a join that begins with all entries.
    walked: QuerySet[M] = rows.alias(held_by=Subquery(holding.values("number")[:1]))  # type: ignore[assignment]
    return walked.filter(held_by__isnull=False)


@dataclass(frozen=True, slots=True)
class Finder:
    index: SearchIndex
    words: Sequence[str]

    def ids(self, place: Place, limit: int) -> list[Any]:
        """The owners that a page shows, in its order."""
        raise NotImplementedError

    def few(self) -> list[Any] | None:
        """All owners, in no order; None if they are many."""
        raise NotImplementedError

    def holds(self) -> RawSQL:
        """The condition that one entry holds the words."""
        raise NotImplementedError

    @property
    def table(self) -> str:
        table: str = self.index.entries._meta.db_table
        return table

    def read(self, statement: str, parameters: Sequence[Any]) -> list[Any]:
        """The primary keys of the owners that `statement` finds."""
        key = self.index.entries._meta.get_field("owner").target_field
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return [key.to_python(row[0]) for row in cursor.fetchall()]


class SqliteFinder(Finder):
    def ids(self, place: Place, limit: int) -> list[Any]:
        # By `rowid` and not `number`: FTS5 itself finds where a page begins, and goes on in its order.
        page = place.bounds(f"{self.table}_fts.rowid")
        return self.read(f"{self._select} AND {page}", [self._match, place.number, limit])

    def few(self) -> list[Any] | None:
        ids = self.read(f"{self._select} LIMIT %s", [self._match, FEW + 1])
        return ids if len(ids) <= FEW else None

    def holds(self) -> RawSQL:
        held = " AND ".join("instr(words, %s) > 0" for _ in self.words)
        return RawSQL(held, [f" {word}" for word in self.words], BooleanField())

    @property
    def _match(self) -> str:
        return " AND ".join(f'"{word}" *' for word in self.words)

    @property
    def _select(self) -> str:
        fts = f"{self.table}_fts"
        return f"SELECT owner_id FROM {fts} JOIN {self.table} ON number = {fts}.rowid WHERE {fts} MATCH %s"


class PostgresqlFinder(Finder):
    def ids(self, place: Place, limit: int) -> list[Any]:
        """A word that too few of the next entries hold is held by few of a window, or by few at all."""
        ids = self._walk(place, limit)
        for window in (self._window(place), ()):
            if len(ids) < limit:
                page = place.bounds("number", order_by="number + 0")  # else it might be read in that order
                ids = self.read(f"{self._select} AND {page}", [*self._terms(window), place.number, limit])
        return ids

    def few(self) -> list[Any] | None:
        """Those of every hundredth entry would be too many."""
        if len(self._walk(NEWEST, WALK // 100)) == WALK // 100:
            return None
        ids = self.read(f"{self._select} LIMIT %s", [*self._terms(()), FEW + 1])
        return ids if len(ids) <= FEW else None

    def holds(self) -> RawSQL:
        return RawSQL("words @@ %s::tsquery", [self._match], BooleanField())

    def _walk(self, place: Place, limit: int) -> list[Any]:
        entries = f"SELECT * FROM {self.table} WHERE {place.bounds('number')}"
        order = "DESC" if place.to_older else "ASC"
        statement = (
            f"SELECT owner_id FROM ({entries}) AS walk WHERE words @@ %s::tsquery ORDER BY number {order} LIMIT %s"
        )
        return self.read(statement, [place.number, WALK, self._match, limit])

    @property
    def _match(self) -> str:
        return " & ".join(f"'{word}':*" for word in self.words)

    @property
    def _select(self) -> str:
        terms = f"{self.table}_terms(words, number) @@ %s::tsquery"
        return f"SELECT owner_id FROM {self.table} WHERE {terms} AND words @@ %s::tsquery"

    def _terms(self, window: Sequence[int]) -> list[str]:
        parts = [f"'{word[:LONGEST_PREFIX]}'" for word in self.words]
        if window:
            parts.append("(" + " | ".join(f"'#{number}'" for number in window) + ")")
        return [" & ".join(parts), self._match]

    def _window(self, place: Place) -> Sequence[int]:
        own = place.number >> WINDOW_BITS
        return (own, own - 1 if place.to_older else own + 1)


NEWEST = Place(2**63 - 1, to_older=True)
FINDERS: dict[str, type[Finder]] = {"sqlite": SqliteFinder, "postgresql": PostgresqlFinder}


def _finder(index: SearchIndex, words: Sequence[str]) -> Finder:
    return FINDERS[connection.vendor](index, words)
