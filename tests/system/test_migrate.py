"""Tables are changed while others use them: `migrate` doesn't make everyone wait behind it."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from experiments.databases import fresh_databases
from operations.test import postgres_url
from tests.support.plaza import Plaza

pytestmark = pytest.mark.postgres

SERVER = postgres_url()
BEFORE, COLUMN = "0004", "ownerless_at"  # a migration of products that adds a column to a table


@pytest.fixture
def plaza(tmp_path: Path) -> Iterator[Plaza]:
    with fresh_databases(SERVER) as urls:
        yield Plaza(tmp_path / "data", **urls)


def migrate(plaza: Plaza, *to: str) -> "subprocess.Popen[str]":
    environment = {**plaza.environment, "PLAZA_DATA_DIR": str(plaza.data_dir)}
    command = [plaza.python, "products_project/manage.py", "migrate", *to]
    return subprocess.Popen(
        command, cwd=plaza.root, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def test_a_migration_that_gets_no_lock_lets_the_others_go_on_and_tries_again(plaza: Plaza) -> None:
    before = migrate(plaza, "products", BEFORE)
    assert (before.communicate(), before.returncode) == ((None, ""), 0)
    url = plaza.environment["PRODUCTS_DATABASE_URL"]
    with psycopg.connect(url) as reporter, psycopg.connect(url, autocommit=True) as customer:
        reporter.execute("SELECT count(*) FROM products_reservation")  # a transaction that goes on and on
        customer.execute("SET statement_timeout = '10s'")  # what waits behind a migration that waits, waits for ever
        migrating = migrate(plaza)
        assert migrating.stderr
        for _ in range(2):
            assert "A table is in use; trying again" in migrating.stderr.readline()
            customer.execute("DELETE FROM products_reservation")
        reporter.rollback()
        customer.execute("RESET statement_timeout")
        _, errors = migrating.communicate()
        assert (migrating.returncode, errors.replace("A table is in use; trying again ...\n", "")) == (0, "")
        customer.execute(f"SELECT {COLUMN} FROM products_reservation".encode())
