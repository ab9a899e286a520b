"""What a migration makes beside a table that can be searched.

Triggers give each row an entry, and mark the entry stale when the texts change, whoever writes them: a service, the
release before this one, or a person with SQL. The words are made by `index`, since only Python folds texts.
SQLite keeps the words in an FTS5 table, PostgreSQL in a GIN index.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

LONGEST_PREFIX = 12  # of a word, that the databases find without merging what all words have that begin with it
WINDOW_BITS = 16  # PostgreSQL can look among the newest 2^16 numbers only


Trigger = tuple[str, str, str, str]


class WordsField(models.TextField):  # type: ignore[type-arg]  # generic in the stubs only
    """Words, each after a space. On PostgreSQL they are a `tsvector` of words without positions."""

    def db_type(self, connection: Any) -> str:
        return "tsvector" if connection.vendor == "postgresql" else "text"


def create_search(
    editor: BaseDatabaseSchemaEditor, entries: type[models.Model], columns: Sequence[str], gone: str
) -> None:
    """`columns` of the owner's table are its texts. Once its column `gone` is not null, nothing finds it any more."""
    table = entries._meta.db_table
    index = _fts5_index if editor.connection.vendor == "sqlite" else _gin_index
    triggers = _triggers(table, _owner_table(entries), columns, gone)
    in_dialect = _sqlite_trigger if editor.connection.vendor == "sqlite" else _postgresql_trigger
    for statement in [*index(table), *(part for trigger in triggers for part in in_dialect(*trigger))]:
        editor.execute(statement)


def restore_triggers(entries: type[models.Model], columns: Sequence[str], gone: str) -> None:
    """SQLite loses a table's triggers where a migration writes the table anew. PostgreSQL never does."""
    if connection.vendor != "sqlite" or entries._meta.db_table not in connection.introspection.table_names():
        return
    with connection.cursor() as cursor:
        for trigger in _triggers(entries._meta.db_table, _owner_table(entries), columns, gone):
            for statement in _sqlite_trigger(*trigger):
                cursor.execute(statement)


def drop_triggers(
    editor: BaseDatabaseSchemaEditor, entries: type[models.Model], columns: Sequence[str], gone: str
) -> None:
    """Before a migration changes the type of one of `columns`, which PostgreSQL doesn't do beneath a trigger."""
    if editor.connection.vendor == "postgresql":
        for name, *_ in _triggers(entries._meta.db_table, _owner_table(entries), columns, gone):
            editor.execute(f"DROP FUNCTION {name}() CASCADE")


def create_triggers(
    editor: BaseDatabaseSchemaEditor, entries: type[models.Model], columns: Sequence[str], gone: str
) -> None:
    """After it, in the same transaction."""
    if editor.connection.vendor == "postgresql":
        for trigger in _triggers(entries._meta.db_table, _owner_table(entries), columns, gone):
            for statement in _postgresql_trigger(*trigger):
                editor.execute(statement)


def _owner_table(entries: type[models.Model]) -> str:
    table: str = entries._meta.get_field("owner").related_model._meta.db_table  # type: ignore[union-attr]
    return table


def _triggers(entries: str, owner: str, columns: Sequence[str], gone: str) -> Sequence[Trigger]:
    """Name, event, condition and action."""
    changed = " OR ".join(f"NEW.{column} <> OLD.{column}" for column in columns)
    return (
        (
            f"{owner}_added",
            f"INSERT ON {owner}",
            "TRUE",
            f"INSERT INTO {entries} (owner_id, words, is_stale) VALUES (NEW.id, '', TRUE);",
        ),
        (
            f"{owner}_changed",
            f"UPDATE OF {', '.join(columns)} ON {owner}",
            changed,
            f"UPDATE {entries} SET is_stale = TRUE WHERE owner_id = NEW.id;",
        ),
        (
            f"{owner}_gone",
            f"UPDATE OF {gone} ON {owner}",
            f"NEW.{gone} IS NOT NULL",
            f"UPDATE {entries} SET words = '', is_stale = FALSE WHERE owner_id = NEW.id;",
        ),
    )


def _sqlite_trigger(name: str, event: str, condition: str, action: str) -> Sequence[str]:
    return (f"CREATE TRIGGER IF NOT EXISTS {name} AFTER {event} WHEN {condition} BEGIN {action} END",)


def _postgresql_trigger(name: str, event: str, condition: str, action: str) -> Sequence[str]:
    return (
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {action} RETURN NULL; END $$",
        f"CREATE TRIGGER {name} AFTER {event} FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION {name}()",
    )


def _fts5_index(entries: str) -> Iterator[str]:
    """An FTS5 table with the words of `entries`, and what keeps it so."""
    prefixes = " ".join(str(length) for length in range(1, LONGEST_PREFIX + 1))
    # The words are folded already, and no ASCII character but letters and digits is left in them.
    yield (
        f"CREATE VIRTUAL TABLE {entries}_fts USING fts5(words, content='{entries}', content_rowid='number', "
        f"detail=none, columnsize=0, tokenize='ascii', prefix='{prefixes}')"
    )
    forget = f"INSERT INTO {entries}_fts ({entries}_fts, rowid, words) VALUES ('delete', OLD.number, OLD.words);"
    learn = f"INSERT INTO {entries}_fts (rowid, words) VALUES (NEW.number, NEW.words);"
    for name, event, condition, action in (
        ("added", "INSERT", "TRUE", learn),
        ("removed", "DELETE", "TRUE", forget),
        ("changed", "UPDATE OF words", "NEW.words <> OLD.words", forget + learn),
    ):
        yield from _sqlite_trigger(f"{entries}_{name}", f"{event} ON {entries}", condition, action)


def _gin_index(entries: str) -> Iterator[str]:
    # Each word's beginnings are indexed as words of their own: only of whole words does GIN skip what it needn't read.
    yield f"""
        CREATE FUNCTION {entries}_terms(words tsvector, number bigint) RETURNS tsvector
        LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
            SELECT array_to_tsvector(
                array(
                    SELECT DISTINCT left(word, length) FROM unnest(tsvector_to_array(words)) AS word,
                        generate_series(1, least(length(word), {LONGEST_PREFIX})) AS length
                ) || ('#' || (number >> {WINDOW_BITS}))
            )
        $$"""
    # Without a list of pending entries, which each search would have to read.
    terms = f"gin ({entries}_terms(words, number)) WITH (fastupdate = off)"
    yield f"CREATE INDEX {entries}_terms ON {entries} USING {terms}"
