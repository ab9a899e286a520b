"""What SQLite plans by. It gathers nothing unless it is told to."""

from django.db import connection, transaction

SMALL = 10_000  # rows

# A table may grow a thousandfold before it is looked at again, and a connection plans by what it has read once. By the
# statistics of a small table all of a large one would be scanned; without any, SQLite takes the index. So does FTS5,
# which deletes by ranges from tables of its own that begin with two rows, and so do the entries that it indexes: those
# that are stale have an index of their own, and are nearly all of them at one time and none at another.
_FORGET = """
    DELETE FROM sqlite_stat1
    WHERE tbl NOT IN (SELECT tbl FROM sqlite_stat1 GROUP BY tbl HAVING max(CAST(stat AS INTEGER)) >= %s)
       OR EXISTS (
           SELECT 1 FROM sqlite_master AS fts
           WHERE fts.sql LIKE 'CREATE VIRTUAL TABLE %%'
             AND (tbl || '_fts' = fts.name OR tbl LIKE fts.name || '!_%%' ESCAPE '!')
       )
"""


def keep_statistics() -> None:
    """Of large tables, by a few hundred rows of each index. `PRAGMA optimize` would only look at tables that this very
    connection has read."""
    if connection.vendor == "sqlite":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("PRAGMA analysis_limit = 400")
            cursor.execute("ANALYZE")
            cursor.execute(_FORGET, [SMALL])
