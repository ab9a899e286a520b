"""Each project by itself: its folder and `common/` are all it needs, and it can be started from any folder."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.support.checkout import copy_of
from tests.support.http import Client, problem, succeeded
from tests.support.plaza import PROJECTS, clean_environment, eventually, free_ports
from tests.support.threads import at_once


@dataclass
class Project:
    """A copy of one project, alone in its folder with a copy of `common`."""

    name: str
    folder: Path

    @property
    def data_dir(self) -> Path:
        return self.folder / "data"

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(self.folder / self.name / "manage.py"), *arguments],
            cwd="/",
            env=clean_environment(PLAZA_DATA_DIR=str(self.data_dir), PYTHONDONTWRITEBYTECODE="1", **environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def manage(self, *arguments: str, **environment: str) -> str:
        """Run the command and return what it printed."""
        with self.start(*arguments, **environment) as process:
            output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, output
        return output

    @contextmanager
    def serving(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        with self.start(*arguments) as process:
            try:
                yield process
            finally:
                process.terminate()
                process.communicate(timeout=120)


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Project]:
    """All four projects, checked and migrated."""

    def make(name: str) -> Project:
        project = Project(name, tmp_path_factory.mktemp(name))
        for folder in ("common", name):
            copy_of(folder, project.folder)
        assert "no issues" in project.manage("check")
        project.manage("migrate")
        return project

    return dict(zip(PROJECTS, at_once([partial(make, name) for name in PROJECTS]), strict=True))


@pytest.fixture(scope="module")
def clients(projects: dict[str, Project]) -> Iterator[dict[str, Client]]:
    """A client for each project, all of them served."""
    with ExitStack() as stack:
        made = {}
        for name, project in projects.items():
            port = free_ports(1)
            stack.enter_context(project.serving("serve", "--port", str(port)))
            made[name] = Client(f"http://127.0.0.1:{port}")
            stack.callback(made[name].close)
        yield made


def wait_for(client: Client, path: str) -> None:
    def answers() -> bool:
        try:
            return client.get(path).status_code == 200
        except OSError:
            return False

    eventually(answers, timeout_s=120)


@pytest.mark.parametrize("name", PROJECTS)
def test_is_checked_migrated_and_served_alone(
    projects: dict[str, Project], clients: dict[str, Client], name: str
) -> None:
    wait_for(clients[name], "/health/ready")

    assert succeeded(clients[name].get("/health/live")) == {"status": "ok"}
    problem(clients[name].get("/nowhere/"), 404, "not-found")
    project = projects[name]
    assert {path.name for path in project.folder.iterdir()} == {"common", name, "data"}
    assert {path.name for path in project.data_dir.iterdir()} == {name, "secrets"}
    assert (project.data_dir / name / "Data-base.db").exists()
    assert not list((project.folder / name).glob("Data-base*"))


def test_a_gateway_alone_says_which_part_is_out_of_order(clients: dict[str, Client]) -> None:
    gateway = clients["gateway_project"]
    wait_for(gateway, "/health/ready")

    account = {"username": "ada", "email": "ada@shop.example", "password": "silver-meadow-in-may"}
    response = gateway.post("/api/auth/register/", account)
    assert response.status_code in (502, 503)
    assert response.headers["Content-Type"] == "application/problem+json"
    succeeded(gateway.get("/api/"))


def test_a_superuser_is_made_by_djangos_own_command_and_is_staff(projects: dict[str, Project]) -> None:
    users = projects["users_project"]
    names = {"USERNAME": "boss", "EMAIL": "boss@shop.example", "PASSWORD": "silver-meadow-in-may"}

    made = users.manage(
        "createsuperuser", "--noinput", **{f"DJANGO_SUPERUSER_{name}": value for name, value in names.items()}
    )
    assert "Superuser created successfully." in made
    with closing(sqlite3.connect(users.data_dir / "users_project" / "Data-base.db")) as database:
        (row,) = database.execute("SELECT is_staff, is_active, email, password FROM users_user WHERE username = 'boss'")
    assert row[:3] == (1, 1, "boss@shop.example")
    assert row[3].startswith("argon2$argon2id$")


def test_runserver_works_too(projects: dict[str, Project]) -> None:
    port = free_ports(1)
    client = Client(f"http://127.0.0.1:{port}")

    with projects["products_project"].serving("runserver", "--noreload", str(port)):
        wait_for(client, "/health/live")
        problem(client.get("/products/"), 401, "not-authenticated")
    client.close()


def test_more_than_one_gateway_worker_needs_redis(projects: dict[str, Project]) -> None:
    with projects["gateway_project"].start("serve", "--port", str(free_ports(1)), "--workers", "2") as process:
        output, _ = process.communicate(timeout=300)
    assert process.returncode != 0
    assert "More than one worker needs REDIS_URL" in output


def test_a_missing_secret_refuses_to_start_where_secrets_are_required(projects: dict[str, Project]) -> None:
    project = projects["orders_project"]

    with project.start("check", PLAZA_REQUIRE_SECRETS="true") as process:
        output, _ = process.communicate(timeout=300)
    assert process.returncode != 0
    assert "The secret PLAZA_SECRET_DJANGO_ORDERS is missing" in output
    assert os.listdir(project.data_dir / "orders_project")  # nothing else was deleted
