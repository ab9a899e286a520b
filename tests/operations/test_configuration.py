"""docs/configuration.md names every variable that Plaza reads, and no other."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from operations.layout import ROOT, SERVERS

PAGE = (ROOT / "docs/configuration.md").read_text()
NAME = re.compile(r"`([A-Z][A-Z0-9_]+)(…?)`")
FIRST_CELL = re.compile(r"^\| (`[A-Z].*?) \|", re.MULTILINE)

# Reads a project's settings, and prints the variables that they asked for.
ASK = """
import importlib, sys, types
import common.settings as plaza

class Asked(dict):
    names = set()

    def get(self, name, default=None):
        self.names.add(name)
        return super().get(name, default)

plaza.os = types.SimpleNamespace(**{name: getattr(plaza.os, name) for name in dir(plaza.os) if name[0] != "_"})
plaza.os.environ = Asked(plaza.os.environ)
importlib.import_module(sys.argv[1])
print("\\n".join(name for name in Asked.names if not name.endswith("_FILE")))
"""


def documented() -> tuple[set[str], set[str]]:
    """The names in the first cells of the page's tables, and the beginnings of names (`UPSTREAM_…`)."""
    found = {match for cell in FIRST_CELL.findall(PAGE) for match in NAME.findall(cell)}
    return {name for name, dots in found if not dots}, {name for name, dots in found if dots}


def read_by(project: str, data_dir: Path) -> set[str]:
    environment = {"PATH": os.environ["PATH"], "PLAZA_DATA_DIR": str(data_dir)}
    command = [sys.executable, "-c", ASK, f"{project}.settings"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def handed_on_by_compose() -> set[str]:
    text = (ROOT / "docker-compose.yml").read_text()
    services = yaml.safe_load(text)["services"].values()
    environments = [service["environment"] for service in services if isinstance(service.get("environment"), dict)]
    passed = {name for environment in environments for name, value in environment.items() if value is None}
    return passed | set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", text))


@pytest.mark.parametrize("project", [server.project for server in SERVERS])
def test_each_variable_of_the_settings_is_documented(project: str, tmp_path: Path) -> None:
    names, beginnings = documented()
    asked = read_by(project, tmp_path)
    assert {"PLAZA_DATA_DIR", "LOG_LEVEL"} < asked
    assert sorted(name for name in asked - names if not name.startswith(tuple(beginnings))) == []


def test_each_variable_of_the_containers_is_documented() -> None:
    names, beginnings = documented()
    assert sorted(name for name in handed_on_by_compose() - names if not name.startswith(tuple(beginnings))) == []


def test_each_documented_variable_is_read_somewhere() -> None:
    code = [
        path.read_text()
        for folder in ("common", "operations", *(server.project for server in SERVERS))
        for path in (ROOT / folder).rglob("*.py")
    ]
    text = "\n".join([*code, (ROOT / "docker-compose.yml").read_text()])
    names, _ = documented()
    ends = ("_URL", "_WORKERS", "_REPLICAS", "_MAIL")  # made of a project's name
    unread = {name for name in names if name not in text and not name.endswith(ends)}
    assert {name for name in unread if not name.startswith(("PLAZA_SECRET_", "THROTTLE_"))} == set()
