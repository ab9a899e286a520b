import importlib.machinery
import importlib.util
import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from operations import bootstrap
from operations.console import OperationError
from tests.operations.fake_plaza import FakePlaza, environment

RECORD = ".venv/plaza-installed.json"


def test_the_second_run_installs_nothing(plaza: FakePlaza) -> None:
    assert plaza.run("migrate").stderr == ""


def test_another_python_continues_inside_the_environment(plaza: FakePlaza) -> None:
    seen = plaza.root / "gateway_project/manage.py"
    usual = seen.read_text()
    seen.write_text("import sys; sys.exit(sys.prefix)")
    try:
        command = [sys.executable, *plaza.command("migrate")[1:]]
        answer = subprocess.run(command, env=environment(plaza.root), capture_output=True, text=True, check=False)
    finally:
        seen.write_text(usual)
    assert answer.stderr.splitlines()[0] == str(plaza.root / ".venv")


def test_a_package_that_is_not_the_pinned_one_is_refused(plaza: FakePlaza) -> None:
    lock = plaza.root / "requirements.lock"
    pinned = lock.read_text()
    lock.write_text(pinned.replace("sha256:", "sha256:0")[:-2] + "\n")
    (plaza.root / RECORD).unlink()  # so that nothing is taken as installed
    try:
        answer = plaza.run("migrate")
    finally:
        lock.write_text(pinned)
    assert answer.returncode == 1
    assert "DO NOT MATCH THE HASHES" in answer.stderr
    assert answer.stderr.splitlines()[-1].startswith("manage_all.py: pip could not install the packages")


def test_an_interrupted_installation_is_repeated_by_one_of_two(plaza: FakePlaza) -> None:
    (plaza.root / RECORD).unlink(missing_ok=True)
    runs = [plaza.start("migrate"), plaza.start("migrate")]
    printed = [run.communicate()[1] for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert sorted(text.count("Installing 1 packages") for text in printed) == [0, 1]
    assert (plaza.root / RECORD).exists()


def test_an_environment_that_lost_a_package_is_recreated(plaza: FakePlaza) -> None:
    plaza.run("migrate")
    next((plaza.root / ".venv/lib").glob("python*/site-packages/tiny.py")).unlink()
    answer = plaza.run("migrate")
    assert answer.returncode == 0
    assert answer.stderr.startswith("Installing 1 packages")
    assert list((plaza.root / ".venv/lib").glob("python*/site-packages/tiny.py"))


def test_an_environment_of_another_folder_is_recreated(plaza: FakePlaza, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(plaza.root, tmp_path / "moved", symlinks=True))
    command = [sys.executable, str(moved / "manage_all.py"), "migrate"]
    answer = subprocess.run(command, env=environment(moved), capture_output=True, text=True, check=False)
    assert answer.returncode == 0
    assert answer.stderr.startswith("Installing 1 packages")
    assert str(moved / ".venv/bin/python") in (moved / ".venv/bin/pip").read_text()


def test_a_linked_environment_of_another_folder_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: list[str]
) -> None:
    bootstrap.install(bootstrap.RUNTIME)
    record = (tmp_path / "record.json").read_text()
    link = tmp_path / "linked"
    link.symlink_to(tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", link)
    monkeypatch.setattr(bootstrap, "RECORD", link / "record.json")
    monkeypatch.setattr(bootstrap, "make_venv", link.mkdir)

    bootstrap.install(bootstrap.RUNTIME)
    assert not link.is_symlink()
    assert (tmp_path / "record.json").read_text() == record


@pytest.mark.parametrize("record", ["", "[]", "{}", '{"venv": "/nowhere", "locks": {}, "entries": []}'])
def test_a_damaged_record_or_one_of_another_environment_is_ignored(
    record: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "RECORD", tmp_path / "record.json")
    bootstrap.RECORD.write_text(record)
    assert not bootstrap.is_installed(bootstrap.RUNTIME)


def test_an_environment_of_another_python_is_recreated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: list[str]
) -> None:
    bootstrap.install(bootstrap.RUNTIME)
    monkeypatch.setattr(bootstrap, "is_inside", lambda: True)
    assert bootstrap.is_installed(bootstrap.RUNTIME)
    monkeypatch.setattr(bootstrap, "this_version", lambda: "3.99")
    assert not bootstrap.is_installed(bootstrap.RUNTIME)
    made.clear()
    bootstrap.install(bootstrap.RUNTIME)
    assert made == ["venv", bootstrap.RUNTIME]


def test_a_package_that_a_user_adds_causes_no_installation(made: list[str]) -> None:
    bootstrap.install(bootstrap.RUNTIME)
    (bootstrap.VENV / "lib/python3.11/site-packages/added.py").touch()
    assert bootstrap.is_installed(bootstrap.RUNTIME)


def test_installing_for_development_covers_the_runtime_too(made: list[str]) -> None:
    bootstrap.install(bootstrap.DEVELOPMENT)
    assert bootstrap.is_installed(bootstrap.DEVELOPMENT)
    assert bootstrap.is_installed(bootstrap.RUNTIME)
    bootstrap.install(bootstrap.RUNTIME)
    assert not bootstrap.is_installed(bootstrap.DEVELOPMENT)
    assert made == ["venv", bootstrap.DEVELOPMENT, bootstrap.RUNTIME]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The steps of installing into an environment with one module. Creating a real one takes seconds."""
    steps: list[str] = []
    packages = tmp_path / "lib/python3.11/site-packages"
    packages.mkdir(parents=True)
    (packages / "tiny.py").touch()
    survey = json.dumps({"python": bootstrap.this_version(), "entries": ["tiny.py"]})
    monkeypatch.setattr(bootstrap, "VENV", tmp_path)
    monkeypatch.setattr(bootstrap, "RECORD", tmp_path / "record.json")
    monkeypatch.setattr(bootstrap, "PYTHON", Path(sys.executable))
    monkeypatch.setattr(bootstrap, "make_venv", lambda: steps.append("venv"))
    monkeypatch.setattr(bootstrap, "fill", lambda lock, count: steps.append(lock))
    monkeypatch.setattr(bootstrap, "run_step", lambda what, *command: survey)
    return steps


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_a_python_without_venv_gets_one_sentence_that_names_the_remedy(
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


def test_packages_outside_the_environment_are_not_expected_in_it(plaza: FakePlaza) -> None:
    (packages,) = (plaza.root / ".venv/lib").glob("python*/site-packages")
    lent = packages / "lent.pth"
    lent.write_text(sysconfig.get_path("purelib"))  # where this process has pytest
    try:
        survey = json.loads(subprocess.check_output([plaza.python, "-c", bootstrap.SURVEY]))
    finally:
        lent.unlink()
    assert "tiny.py" in survey["entries"]
    assert "pytest" not in survey["entries"]
