"""What a commit of a project survives. A suite imports these tests."""

import pytest
from django.db import connection


def setting(sqlite: str, postgresql: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA {sqlite}" if connection.vendor == "sqlite" else f"SHOW {postgresql}")
        return cursor.fetchone()[0]


@pytest.mark.django_db
def test_a_commit_survives_the_loss_of_power() -> None:
    """2 is FULL: every commit is flushed."""
    assert setting("synchronous", "synchronous_commit") == (2 if connection.vendor == "sqlite" else "on")


@pytest.mark.django_db
def test_readers_and_a_writer_do_not_wait_for_each_other() -> None:
    if connection.vendor == "sqlite":
        assert setting("journal_mode", "") == "wal"
