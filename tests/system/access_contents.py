"""All that a system keeps, to show that a refusal changed none of it."""

import sqlite3
from contextlib import closing

from tests.system.plaza import PROJECTS, System

APART = {"gateway_status_circuittransition"}  # what a busy machine's slow answers do to circuits is nobody's request

Contents = dict[str, list[tuple[object, ...]]]


def contents(system: System) -> Contents:
    """The rows of each table of the four databases."""
    return {table: rows for project in PROJECTS for table, rows in _read(system, project).items()}


def changed(before: Contents, after: Contents, project: str) -> list[str]:
    """The tables of a project that are no longer what they were."""
    return [name for name in after if name.startswith(project) and before[name] != after[name]]


def _read(system: System, project: str) -> Contents:
    path = system.data_dir / project / "Data-base.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        found = database.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        tables = [name for (name,) in found if name not in APART]
        return {
            f"{project} {table}": sorted(database.execute(f'SELECT * FROM "{table}"'), key=repr) for table in tables
        }
