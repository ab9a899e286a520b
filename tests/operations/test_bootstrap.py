import importlib.machinery
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from operations import bootstrap
from operations.errors import OperationError
from tests.operations.plaza import Plaza, environment

STAMP = ".venv/plaza-requirements.lock.sha256"


def test_the_second_run_installs_nothing(plaza: Plaza) -> None:
    assert plaza.run("migrate").stderr == ""


def test_another_python_goes_on_inside_the_environment(plaza: Plaza) -> None:
    seen = plaza.root / "gateway_project/manage.py"
    usual = seen.read_text()
    seen.write_text("import sys; sys.exit(sys.prefix)")
    try:
        command = [sys.executable, *plaza.command("migrate")[1:]]
        answer = subprocess.run(command, env=environment(plaza.root), capture_output=True, text=True, check=False)
    finally:
        seen.write_text(usual)
    assert answer.stderr.splitlines()[0] == str(plaza.root / ".venv")


def test_an_interrupted_installation_is_done_again(plaza: Plaza) -> None:
    (plaza.root / STAMP).unlink()
    answer = plaza.run("migrate")
    assert answer.returncode == 0
    assert answer.stderr.startswith("Installing 1 packages")
    assert (plaza.root / STAMP).exists()


def test_of_two_at_once_only_one_installs(plaza: Plaza) -> None:
    (plaza.root / STAMP).unlink()
    runs = [plaza.start("migrate"), plaza.start("migrate")]
    said = [run.communicate()[1] for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert sorted(text.count("Installing 1 packages") for text in said) == [0, 1]


def test_a_package_that_is_not_the_pinned_one_is_refused(plaza: Plaza) -> None:
    lock = plaza.root / "requirements.lock"
    pinned = lock.read_text()
    lock.write_text(pinned.replace("sha256:", "sha256:0")[:-2] + "\n")
    shutil.rmtree(next((plaza.root / ".venv/lib").glob("python*/site-packages/tiny-1.0.dist-info")))
    try:
        answer = plaza.run("migrate")
    finally:
        lock.write_text(pinned)
    assert answer.returncode == 1
    assert "DO NOT MATCH THE HASHES" in answer.stderr
    assert answer.stderr.splitlines()[-1].startswith("manage_all.py: pip could not install the packages")


def test_an_incomplete_environment_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(bootstrap, "INCOMPLETE", tmp_path / ".venv/plaza-incomplete")
    monkeypatch.setattr(bootstrap, "run_step", lambda what, *command: made.append(what))
    monkeypatch.setattr(bootstrap, "is_usable", lambda: True)
    monkeypatch.setattr(bootstrap, "fill", lambda lock, count: made.append(lock))
    monkeypatch.setattr(bootstrap, "PYTHON", Path(sys.executable))
    bootstrap.INCOMPLETE.parent.mkdir()
    bootstrap.INCOMPLETE.touch()
    bootstrap.install(bootstrap.RUNTIME)
    assert made == ["Making a virtual environment", "Installing pip", bootstrap.RUNTIME]
    assert not bootstrap.INCOMPLETE.exists()


def test_installing_for_development_covers_the_runtime_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "VENV", tmp_path)
    monkeypatch.setattr(bootstrap, "PYTHON", Path(sys.executable))
    monkeypatch.setattr(bootstrap, "is_usable", lambda: True)
    monkeypatch.setattr(bootstrap, "fill", lambda lock, count: None)
    bootstrap.install(bootstrap.DEVELOPMENT)
    assert bootstrap.is_installed(bootstrap.DEVELOPMENT)
    assert bootstrap.is_installed(bootstrap.RUNTIME)
    bootstrap.install(bootstrap.RUNTIME)
    assert not bootstrap.is_installed(bootstrap.DEVELOPMENT)


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_a_python_without_venv_gets_one_sentence_that_names_the_mend(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_spec(name: str) -> importlib.machinery.ModuleSpec | None:
        return None if name == module else importlib.machinery.ModuleSpec(name, None)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    with pytest.raises(OperationError, match="apt install python3-venv"):
        bootstrap.make_venv()


def test_a_missing_lock_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    with pytest.raises(OperationError, match=r"requirements\.lock is missing"):
        bootstrap.digest(bootstrap.RUNTIME)
