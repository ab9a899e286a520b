import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from tests.support.plaza import Plaza


def test_what_a_stopped_plaza_has_not_merged_into_its_files_is_in_its_backup(tmp_path: Path) -> None:
    plaza = Plaza(tmp_path / "data")
    assert plaza.run("migrate").returncode == 0
    insert = (
        "INSERT INTO products_category (id, slug, name, description, created_at) VALUES ('1', 'x', 'X', '', '2026')"
    )
    path = plaza.data_dir / "products_project/Data-base.db"
    code = f"import sqlite3, os; c = sqlite3.connect({str(path)!r}); c.execute({insert!r}); c.commit(); os._exit(0)"
    subprocess.run([plaza.python, "-c", code], check=True)
    assert Path(f"{path}-wal").stat().st_size > 0
    finished = plaza.run("backup", str(tmp_path / "kept"))
    assert finished.returncode == 0, finished.stderr
    with closing(sqlite3.connect(tmp_path / "kept/products.db")) as copy:
        assert copy.execute("SELECT slug FROM products_category").fetchall() == [("x",)]
