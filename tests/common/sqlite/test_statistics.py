"""By which statistics SQLite plans, and by which it doesn't."""

import pytest
from django.db import connection

from common.sqlite.statistics import SMALL, keep_statistics

pytestmark = pytest.mark.django_db

NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) "


def run(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def plan(statement: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {statement}")
        return "\n".join(row[-1] for row in cursor.fetchall())


def known() -> set[str]:
    """The tables of this test that have statistics."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT tbl FROM sqlite_stat1 WHERE tbl LIKE 'kept!_%' ESCAPE '!'")
        return {table for (table,) in cursor.fetchall()}


def fill(table: str, rows: int) -> None:
    run(
        f"CREATE TABLE {table} (number integer PRIMARY KEY, kind integer, text text)",
        f"CREATE INDEX {table}_kind ON {table} (kind)",
        f"CREATE INDEX {table}_odd ON {table} (number) WHERE kind % 2",
        NUMBERS.format(rows=rows) + f"INSERT INTO {table} SELECT i, i, 'word' FROM n",
    )


def test_what_is_known_of_a_large_table_is_kept_and_of_a_small_one_forgotten() -> None:
    fill("kept_large", 2 * SMALL)
    fill("kept_small", SMALL // 2)
    keep_statistics()
    assert known() == {"kept_large"}
    with connection.cursor() as cursor:
        cursor.execute("SELECT idx FROM sqlite_stat1 WHERE tbl = 'kept_large'")
        assert {index for (index,) in cursor.fetchall()} == {"kept_large_kind", "kept_large_odd"}


def test_nothing_is_known_of_what_is_searched_nor_of_the_tables_of_its_index() -> None:
    fill("kept_entry", 2 * SMALL)
    run(
        "CREATE VIRTUAL TABLE kept_entry_fts USING fts5(text, content='kept_entry', content_rowid='number')",
        "INSERT INTO kept_entry_fts (kept_entry_fts) VALUES ('rebuild')",
    )
    run("ANALYZE")
    assert {"kept_entry", "kept_entry_fts_data"} <= known()  # else there is nothing to forget
    keep_statistics()
    assert known() == set()


def test_a_table_that_grows_after_it_was_looked_at_is_not_scanned_for_that() -> None:
    fill("kept_growing", 2)
    run("ANALYZE", "ANALYZE sqlite_schema")
    keep_statistics()
    run("ANALYZE sqlite_schema")  # as a new connection reads them
    assert plan("SELECT * FROM kept_growing WHERE kind BETWEEN 3 AND 5") == (
        "SEARCH kept_growing USING INDEX kept_growing_kind (kind>? AND kind<?)"
    )
