"""`backup` and `restore` as their container runs them: a Python without packages, their own code, secrets in files."""

import os
import subprocess
from pathlib import Path

import psycopg
import pytest

from experiments.databases import fresh_databases
from operations.test import postgres_url
from tests.support.checkout import copy_of
from tests.support.plaza import Plaza

pytestmark = pytest.mark.postgres

SERVER = postgres_url()


def test_backup_and_restore_need_nothing_but_operations_and_postgresql_s_programs(tmp_path: Path) -> None:
    (tmp_path / "plaza").mkdir()
    copy_of("operations", tmp_path / "plaza")
    with fresh_databases(SERVER) as full, fresh_databases(SERVER) as empty:
        plaza = Plaza(tmp_path / "data", **full)
        assert plaza.run("migrate").returncode == 0
        assert plaza.run("demo").returncode == 0
        in_container(tmp_path, full, "backup", str(tmp_path / "backups"), "--keep", "2")
        in_container(tmp_path, empty, "restore", str(tmp_path / "backups"))
        assert len(list((tmp_path / "backups").glob("*Z"))) == 1
        for name in full:
            assert dumped(full[name]) == dumped(empty[name]) != []
        with psycopg.connect(empty["PRODUCTS_DATABASE_URL"]) as products:
            planned = "SELECT reltuples > 0 FROM pg_class WHERE relname = 'products_product'"
            assert products.execute(planned).fetchone() == (True,)


def in_container(folder: Path, urls: dict[str, str], *command: str) -> None:
    for name, url in urls.items():
        (folder / name).write_text(url)
    environment = {f"{name}_FILE": str(folder / name) for name in urls}
    environment |= {
        "PATH": os.environ["PATH"],
        "PLAZA_DATA_DIR": str(folder / "backups/.state"),
    }
    whole = ["/usr/bin/python3", "-I", "-S", "operations/manage.py", *command]
    (folder / "backups").mkdir(exist_ok=True)
    ended = subprocess.run(whole, env=environment, cwd=folder / "plaza", capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def dumped(url: str) -> list[str]:
    """All rows, without the token that newer servers put into each dump."""
    dump = subprocess.run(
        ["pg_dump", "--data-only", f"--dbname={url}"], capture_output=True, text=True, check=True
    ).stdout
    return [line for line in dump.splitlines() if not line.startswith("\\")]
