import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.operations.fake_plaza import FakePlaza, environment, make_repository


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its `.venv` is created by its first command, as for a user."""
    root = make_repository(tmp_path_factory.mktemp("repository") / "plaza")
    command = [sys.executable, str(root / "manage_all.py"), "migrate", "--data-dir", str(root / "first")]
    first = subprocess.run(command, env=environment(root), capture_output=True, text=True, check=False)
    assert first.returncode == 0, first.stderr
    assert "Installing 1 packages into .venv, once ..." in first.stderr
    return root


@pytest.fixture
def plaza(repository: Path, tmp_path: Path) -> Iterator[FakePlaza]:
    system = FakePlaza(repository, tmp_path / "data")
    yield system
    system.end()


@pytest.fixture
def second(repository: Path, tmp_path: Path) -> Iterator[FakePlaza]:
    system = FakePlaza(repository, tmp_path / "second")
    yield system
    system.end()
