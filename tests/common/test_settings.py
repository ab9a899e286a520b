import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from common import settings
from common.settings import (
    ROOT,
    body_limit,
    database_path,
    env,
    env_flag,
    env_list,
    env_networks,
    env_number,
    secret,
    state_dir,
)
from tests.support.threads import in_threads

STRONG = "correct horse battery staple 0123456789"
# Reports that it is ready, waits for a line, then asks for the secret in ten threads at the same time.
ASKER = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
from common.settings import secret
print("ready", flush=True)
sys.stdin.readline()
together = threading.Barrier(10)
def ask(_):
    together.wait()
    return secret("shared")
with ThreadPoolExecutor(10) as pool:
    print("\\n".join(pool.map(ask, range(10))))
"""


@pytest.fixture(autouse=True)
def data_dir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in [name for name in os.environ if name.startswith(("PLAZA_SECRET_", "PLAZA_REQUIRE"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PLAZA_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_variable_is_read_without_surrounding_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEA", "  oolong\n")
    assert env("TEA", "black") == "oolong"


@pytest.mark.parametrize("value", [None, "", "   "])
def test_an_absent_or_empty_variable_is_its_default(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    if value is not None:
        monkeypatch.setenv("TEA", value)
    assert (env("TEA", "black"), env("TEA")) == ("black", "")


def test_a_file_beats_the_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "tea").write_text("green\n")
    monkeypatch.setenv("TEA", "oolong")
    monkeypatch.setenv("TEA_FILE", str(tmp_path / "tea"))
    assert env("TEA", "black") == "green"
    monkeypatch.setenv("TEA_FILE", "")
    assert env("TEA", "black") == "oolong"


def test_a_named_but_missing_file_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TEA_FILE", str(tmp_path / "tea"))
    with pytest.raises(FileNotFoundError):
        env("TEA", "black")


@pytest.mark.parametrize(
    ("value", "flag"),
    [
        ("1", True),
        ("TRUE", True),
        ("yes", True),
        ("On", True),
        ("0", False),
        ("False", False),
        ("no", False),
        ("off", False),
    ],
)
def test_a_flag_has_several_spellings(monkeypatch: pytest.MonkeyPatch, value: str, flag: bool) -> None:
    monkeypatch.setenv("HOT", value)
    assert (env_flag("HOT"), env_flag("HOT", default=not flag)) == (flag, flag)


def test_an_absent_flag_is_its_default() -> None:
    assert (env_flag("HOT"), env_flag("HOT", default=True)) == (False, True)


@pytest.mark.parametrize("value", ["2", "ja", "y", "truee"])
def test_another_value_of_a_flag_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("DEBUG", value)
    with pytest.raises(ImproperlyConfigured, match=rf"^DEBUG is '{value}'; it takes true or false\.$"):
        env_flag("DEBUG")


@pytest.mark.parametrize(("value", "number"), [("2", 2.0), ("0.25", 0.25), ("", 1.5), (None, 1.5)])
def test_a_number_is_read(monkeypatch: pytest.MonkeyPatch, value: str | None, number: float) -> None:
    if value is not None:
        monkeypatch.setenv("LIMIT_S", value)
    assert env_number("LIMIT_S", 1.5) == number


@pytest.mark.parametrize("value", ["0", "-1", "two", "nan", "inf", "1e999"])
def test_other_text_or_a_number_too_small_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("LIMIT_S", value)
    with pytest.raises(ImproperlyConfigured, match=f"LIMIT_S is '{value}'; it takes a number greater than 0"):
        env_number("LIMIT_S", 1.5)


def test_a_body_limit_leaves_room_for_what_the_projects_send_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    assert body_limit("MAX_BODY_BYTES", 65_536) == 65_536
    monkeypatch.setenv("MAX_BODY_BYTES", "20000")
    assert body_limit("MAX_BODY_BYTES", 65_536) == 20_000
    monkeypatch.setenv("MAX_BODY_BYTES", "16384")
    with pytest.raises(ImproperlyConfigured, match="MAX_BODY_BYTES"):
        body_limit("MAX_BODY_BYTES", 65_536)


def test_a_list_drops_empty_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEAS", " green, ,oolong,,black ,")
    assert env_list("TEAS", "white") == ["green", "oolong", "black"]
    monkeypatch.delenv("TEAS")
    assert env_list("TEAS", "white,red") == ["white", "red"]
    assert env_list("TEAS") == []


def test_state_lives_in_a_private_data_directory(data_dir: Path) -> None:
    assert state_dir() == data_dir.resolve()
    assert mode(data_dir) == 0o700
    assert state_dir() == data_dir.resolve()


def test_without_a_data_directory_state_lives_beside_the_projects(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("PLAZA_DATA_DIR")
    monkeypatch.setattr(settings, "ROOT", tmp_path)
    assert state_dir() == tmp_path / ".plaza"
    assert database_path("tea_project") == tmp_path / "tea_project" / "Data-base.db"


def test_a_database_is_in_the_folder_of_its_project(data_dir: Path) -> None:
    assert database_path("tea_project") == data_dir / "tea_project" / "Data-base.db"
    assert mode(data_dir / "tea_project") == 0o700


def test_a_secret_is_made_once_and_kept_private(data_dir: Path) -> None:
    before = os.umask(0)
    try:
        made = secret("tea")
    finally:
        os.umask(before)
    assert len(made) == 64
    assert (mode(data_dir / "secrets"), mode(data_dir / "secrets" / "tea")) == (0o700, 0o600)
    assert secret("tea") == made == (data_dir / "secrets" / "tea").read_text()
    assert secret("coffee") != made
    assert sorted(path.name for path in (data_dir / "secrets").iterdir()) == ["coffee", "tea"]


def test_50_threads_of_5_processes_get_one_secret(data_dir: Path) -> None:
    askers = [
        subprocess.Popen(
            [sys.executable, "-c", ASKER],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(5)
    ]
    for asker in askers:
        assert asker.stdout is not None
        assert asker.stdout.readline() == "ready\n"
    for asker in askers:
        assert asker.stdin is not None
        asker.stdin.write("go\n")
        asker.stdin.flush()
    answers = [line for asker in askers for line in asker.communicate(timeout=30)[0].splitlines()]
    assert answers == [(data_dir / "secrets" / "shared").read_text()] * 50
    assert [path.name for path in (data_dir / "secrets").iterdir()] == ["shared"]


def test_the_second_process_takes_the_secret_of_the_first(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both_looked = threading.Barrier(2, timeout=10)
    link = os.link

    def link_together(source: Path, target: Path) -> None:
        both_looked.wait()
        link(source, target)

    monkeypatch.setattr(settings.os, "link", link_together)
    first, second = in_threads(2, lambda: secret("tea"))
    assert first == second == (data_dir / "secrets" / "tea").read_text()
    assert [path.name for path in (data_dir / "secrets").iterdir()] == ["tea"]


def test_a_secret_from_the_environment_is_not_written_to_a_file(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAZA_SECRET_GATEWAY_TEA", STRONG)
    assert secret("gateway-tea") == STRONG
    assert not data_dir.exists()


def test_a_secret_may_come_from_a_file(data_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "handed-in").write_text(f"{STRONG}\n")
    monkeypatch.setenv("PLAZA_SECRET_TEA_FILE", str(tmp_path / "handed-in"))
    assert secret("tea") == STRONG
    assert not data_dir.exists()


@pytest.mark.parametrize("weak", ["x", "0123456789abcdef0123456789abcde", "a" * 64, "abcdefg" * 10])
def test_a_weak_secret_is_refused(monkeypatch: pytest.MonkeyPatch, weak: str) -> None:
    monkeypatch.setenv("PLAZA_SECRET_TEA", weak)
    message = r"^The secret PLAZA_SECRET_TEA is too weak: give at least 32 random characters\.$"
    with pytest.raises(ImproperlyConfigured, match=message) as error:
        secret("tea")
    assert weak not in str(error.value) or weak == "x"


def test_a_weak_secret_in_its_file_is_refused(data_dir: Path) -> None:
    secret("tea")
    (data_dir / "secrets" / "tea").write_text("")
    with pytest.raises(ImproperlyConfigured, match="too weak"):
        secret("tea")
    assert (data_dir / "secrets" / "tea").read_text() == ""


def made_by_others(path: Path) -> None:
    path.chmod(0o666)


def readable_by_others(path: Path) -> None:
    path.chmod(0o640)


def a_link(path: Path) -> None:
    elsewhere = path.with_name("elsewhere")
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir(mode=0o700)


@pytest.mark.parametrize("spoil", [made_by_others, readable_by_others, a_link, a_folder])
def test_a_secret_that_somebody_else_may_know_is_refused(spoil: Callable[[Path], None], data_dir: Path) -> None:
    secret("tea")
    spoil(data_dir / "secrets" / "tea")
    with pytest.raises(ImproperlyConfigured, match=r"/secrets/tea .*\. Remove it, and a new one is made\.$"):
        secret("tea")


@pytest.mark.parametrize("spoil", [made_by_others, a_link])
def test_a_folder_of_secrets_that_others_can_write_to_is_refused(spoil: Callable[[Path], None], data_dir: Path) -> None:
    secret("tea")
    spoil(data_dir / "secrets")
    with pytest.raises(ImproperlyConfigured, match=r"/secrets .* Remove it"):
        secret("tea")


def test_a_file_of_another_user_is_refused(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret("tea")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(ImproperlyConfigured, match="does not belong to this user"):
        secret("tea")


def test_a_required_secret_is_not_made(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret("tea")
    monkeypatch.setenv("PLAZA_REQUIRE_SECRETS", "true")
    for name in ("tea", "coffee"):
        variable = f"PLAZA_SECRET_{name.upper()}"
        message = rf"^The secret {variable} is missing: set it, or {variable}_FILE\.$"
        with pytest.raises(ImproperlyConfigured, match=message):
            secret(name)
    assert [path.name for path in (data_dir / "secrets").iterdir()] == ["tea"]
    monkeypatch.setenv("PLAZA_SECRET_COFFEE", STRONG)
    assert secret("coffee") == STRONG


def test_addresses_and_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROXIES", "10.0.0.7, 10.1.0.0/16, FD00::/8, ::ffff:192.0.2.0/120")
    assert [str(each) for each in env_networks("PROXIES")] == [
        "10.0.0.7/32",
        "10.1.0.0/16",
        "fd00::/8",
        "192.0.2.0/24",
    ]
    monkeypatch.setenv("PROXIES", "")
    assert env_networks("PROXIES") == []


@pytest.mark.parametrize("value", ["nginx", "10.0.0.7, *", "10.0.0.7:80", "10.0.0.5/8", "300.1.1.1", "10.0.0.0/40"])
def test_anything_else_in_a_list_of_networks_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PROXIES", value)
    with pytest.raises(ImproperlyConfigured, match=r"^PROXIES: .*such as 10\.0\.0\.7, 10\.1\.0\.0/16"):
        env_networks("PROXIES")
