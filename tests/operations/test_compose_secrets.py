import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from operations import compose_secrets
from operations.compose_secrets import generate, main, write_missing
from operations.layout import SERVERS
from tests.support.checkout import copy_of

RUN = "runpy.run_module('operations.compose_secrets', run_name='__main__')"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "plaza" / "compose-secrets"


def contents(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in directory.iterdir()}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_containers_may_read_the_files_and_only_their_owner_may_reach_them(directory: Path) -> None:
    directory.mkdir(parents=True, mode=0o755)
    before = os.umask(0o077)
    try:
        made = write_missing(directory)
    finally:
        os.umask(before)

    assert made == list(generate())
    assert mode(directory) == 0o700
    assert {name: mode(directory / name) for name in made} == dict.fromkeys(made, 0o444)


def test_nothing_but_the_secrets_is_left_in_the_folder(directory: Path) -> None:
    write_missing(directory)

    assert sorted(path.name for path in directory.iterdir()) == sorted(generate())


def test_existing_secrets_are_kept_and_missing_ones_created(directory: Path) -> None:
    write_missing(directory)
    (directory / "jwt-signing").unlink()
    kept = contents(directory)

    assert write_missing(directory) == ["jwt-signing"]
    assert contents(directory) == kept | {"jwt-signing": (directory / "jwt-signing").read_text()}
    assert write_missing(directory) == []


def test_if_several_create_them_at_once_each_secret_is_written_once(directory: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = [name for names in pool.map(write_missing, [directory] * 8) for name in names]

    assert sorted(made) == sorted(generate())
    assert sorted(contents(directory)) == sorted(generate())


def test_a_failed_write_leaves_no_partial_secret(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(compose_secrets.os, "fchmod", full)
    with pytest.raises(OSError, match="no space left on device"):
        write_missing(directory)

    assert list(directory.iterdir()) == []


TYPED = {"admin-password", "grafana-password"}


def test_every_secret_is_long_random_and_unique() -> None:
    first, second = generate(), generate()
    values = [*first.values(), *second.values()]

    assert len(set(values)) == len(values)
    assert {name for name, value in first.items() if len(value) < 48} == TYPED
    assert {len(first[name]) for name in TYPED} == {16}


def test_a_service_s_role_and_database_have_its_name() -> None:
    made = generate()

    for name in (server.name for server in SERVERS):
        url = urlsplit(made[f"{name}-database-url"])
        assert (url.scheme, url.username, url.hostname, url.port, url.path) == (
            "postgresql",
            name,
            "postgres",
            5432,
            f"/{name}",
        )
        assert len(url.password or "") == 43


def test_it_says_how_many_were_made_and_where_the_first_password_is(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(directory) == 0
    assert main(directory) == 0

    assert capsys.readouterr().err.splitlines() == [
        f"{len(generate())} secrets made, 0 were there: {directory}",
        f"The password of the user admin is in {directory / 'admin-password'}",
        f"0 secrets made, {len(generate())} were there: {directory}",
        f"The password of the user admin is in {directory / 'admin-password'}",
    ]


def test_the_documented_command_needs_nothing_installed_and_fills_the_repository_s_own_folder(tmp_path: Path) -> None:
    copy_of("operations", tmp_path)

    command = [sys.executable, "-I", "-S", "-c", f"import sys, runpy; sys.path.insert(0, {str(tmp_path)!r}); {RUN}"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)

    assert result.returncode == 0
    assert sorted(contents(tmp_path / ".plaza" / "compose-secrets")) == sorted(generate())


def test_a_new_password_of_a_database_takes_its_job_and_its_containers_alone(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_missing(directory)
    before = contents(directory)
    assert main(directory, ["--replace", "orders-database-url"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "docker compose run --rm --no-deps databases",
        "docker compose up --detach --no-deps --force-recreate --wait orders relay",
    ]
    after = contents(directory)
    assert {name for name in before if before[name] != after[name]} == {"orders-database-url"}
    assert urlsplit(after["orders-database-url"])._replace(netloc="") == urlsplit(
        before["orders-database-url"]
    )._replace(netloc="")


@pytest.mark.parametrize("name", ["postgres-password", "nothing"])
def test_what_a_file_cannot_change_or_nobody_knows_is_left_alone(directory: Path, name: str) -> None:
    write_missing(directory)
    before = contents(directory)
    assert main(directory, ["--replace", name]) == 1
    assert contents(directory) == before
