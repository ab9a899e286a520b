"""What is kept out of a process, so that it takes less memory."""

import subprocess
import sys
from pathlib import Path

import pytest

from common.imports import leave_out, left_out

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("psycopg", "redis", "drf_spectacular.openapi")


def imported_by(project: str, command: str, data_dir: Path, **variables: str) -> set[str]:
    """Which of the heavy packages are there once `manage.py COMMAND` of the project could serve."""
    script = f"""
import sys, django, importlib
sys.argv = ["manage.py", {command!r}]
django.setup()
importlib.import_module("{project}.urls")
print(*(name for name in {HEAVY!r} if sys.modules.get(name)))
"""
    environment = {"DJANGO_SETTINGS_MODULE": f"{project}.settings", "PLAZA_DATA_DIR": str(data_dir), **variables}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("project", ["users_project", "products_project", "orders_project"])
def test_a_service_on_sqlite_has_no_package_that_it_does_not_use(project: str, tmp_path: Path) -> None:
    assert imported_by(project, "serve", tmp_path) == set()


def test_a_gateway_has_its_schema_but_neither_redis_nor_postgresql(tmp_path: Path) -> None:
    assert imported_by("gateway_project", "serve", tmp_path) == {"drf_spectacular.openapi"}


def test_a_command_has_the_schema_and_a_service_on_postgresql_its_driver(tmp_path: Path) -> None:
    url = {"USERS_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    assert imported_by("users_project", "check", tmp_path, **url) == {"psycopg", "drf_spectacular.openapi"}


def test_a_package_is_left_out_for_a_block_or_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "this_is_left_out", raising=False)
    with left_out("this_is_left_out"), pytest.raises(ImportError, match="halted"):
        import this_is_left_out  # type: ignore[import-not-found]  # noqa: F401
    assert "this_is_left_out" not in sys.modules
    leave_out("this_is_left_out")
    assert sys.modules.pop("this_is_left_out") is None


def test_what_has_been_imported_stays() -> None:
    with left_out("json"):
        import json
    leave_out("json")
    assert sys.modules["json"] is json
